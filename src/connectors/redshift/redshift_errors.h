#pragma once

#include "base/status.h"

namespace nstarx::connectors::redshift {

/// The error of the PostgreSQL room as Redshift means it: many of its causes share one SQLSTATE and
/// are told apart by their words only.
Error Refine(Error error);

}  // namespace nstarx::connectors::redshift
