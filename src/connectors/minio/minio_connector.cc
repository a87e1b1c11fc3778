#include "connectors/minio/minio_connector.h"

#include "connectors/s3/s3_connector.h"

namespace nstarx::connectors::minio {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

std::unique_ptr<connector::Connector> MakeMinioConnector() {
  return s3::MakeS3LikeConnector(SpecDocument(), s3::Flavour::kMinio);
}

}  // namespace nstarx::connectors::minio
