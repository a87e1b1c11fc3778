#include "connectors/mongodb/mongodb_srv.h"

#include <arpa/nameser.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace nstarx::connectors::mongodb {
namespace {

using Packet = std::array<unsigned char, 8192>;

/// One resolver, with patience for about four seconds.
class Resolver {
 public:
  Resolver() {
    usable_ = res_ninit(&state_) == 0;
    state_.retrans = 2;
    state_.retry = 2;
  }
  ~Resolver() {
    if (usable_) res_nclose(&state_);
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// The parsed answer in `packet`; false when there is none.
  bool Ask(const std::string& name, ns_type type, Packet* packet, ns_msg* message) {
    if (!usable_) return false;
    const int size = res_nquery(&state_, name.c_str(), ns_c_in, type, packet->data(),
                                static_cast<int>(packet->size()));
    return size > 0 &&
           ns_initparse(packet->data(), std::min<int>(size, packet->size()), message) == 0;
  }

 private:
  struct __res_state state_ = {};
  bool usable_ = false;
};

std::string Lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

}  // namespace

bool IsSiblingOf(std::string_view host, std::string_view member) {
  const size_t dot = host.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string parent = Lower(host.substr(dot));
  return Lower(member).ends_with(parent);
}

void ReadTxtOptions(std::string_view text, Seedlist* out) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos) {
      const std::string key = Lower(pair.substr(0, equals));
      if (key == "replicaset") out->replica_set = pair.substr(equals + 1);
      if (key == "authsource") out->auth_source = pair.substr(equals + 1);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

Result<Seedlist> LookUpSeedlist(const std::string& host) {
  Seedlist out;
  Resolver resolver;
  Packet packet;
  ns_msg message;
  const std::string name = "_mongodb._tcp." + host;
  if (resolver.Ask(name, ns_t_srv, &packet, &message)) {
    for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
      ns_rr record;
      if (ns_parserr(&message, ns_s_an, i, &record) != 0 || ns_rr_type(record) != ns_t_srv ||
          ns_rr_rdlen(record) < 7) {
        continue;
      }
      const unsigned char* data = ns_rr_rdata(record);
      char member[NS_MAXDNAME];
      if (dn_expand(ns_msg_base(message), ns_msg_end(message), data + 6, member, sizeof member) <
          0) {
        continue;
      }
      if (!IsSiblingOf(host, member)) {
        return Unavailable(
                   "dns.bad_srv_record",
                   fmt::format("The SRV record of {} names {}, of another domain", host, member))
            .WithStage("resolve")
            .WithConnector("mongodb");
      }
      out.endpoints.push_back({.host = member, .port = data[4] << 8 | data[5]});
    }
  }
  if (out.endpoints.empty()) {
    return Unavailable("dns.not_found", fmt::format("There is no SRV record {}", name))
        .WithStage("resolve")
        .WithConnector("mongodb");
  }
  if (resolver.Ask(host, ns_t_txt, &packet, &message) && ns_msg_count(message, ns_s_an) > 0) {
    ns_rr record;
    if (ns_parserr(&message, ns_s_an, 0, &record) == 0 && ns_rr_type(record) == ns_t_txt) {
      std::string text;
      const unsigned char* data = ns_rr_rdata(record);
      const size_t size = ns_rr_rdlen(record);
      for (size_t at = 0; at < size && at + 1 + data[at] <= size; at += 1 + data[at]) {
        text.append(reinterpret_cast<const char*>(data + at + 1), data[at]);
      }
      ReadTxtOptions(text, &out);
    }
  }
  return out;
}

}  // namespace nstarx::connectors::mongodb
