#include <gtest/gtest.h>

#include "connectors/event_hubs/connection_string.h"
#include "connectors/event_hubs/event_hubs_connector.h"

namespace nstarx::connectors::event_hubs {
namespace {

constexpr std::string_view kHost = "contoso.servicebus.windows.net";

std::string CodeOf(std::string_view text) {
  const Status checked = CheckConnectionString(Secret(text), kHost);
  if (!checked) EXPECT_EQ(checked.error().message().find("canary"), std::string::npos);
  return checked ? "none" : checked.error().code();
}

TEST(ConnectionString, IsCheckedWithoutShowingTheKey) {
  EXPECT_EQ(CodeOf("Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=p;"
                   "SharedAccessKey=canary=;EntityPath=orders"),
            "none");
  EXPECT_EQ(CodeOf("endpoint=sb://Contoso.servicebus.windows.net:5671;sharedaccesskeyname=p;"
                   "SHAREDACCESSKEY=canary"),
            "none");
  EXPECT_EQ(CodeOf("Endpoint=sb://other.servicebus.windows.net/;SharedAccessKeyName=p;"
                   "SharedAccessKey=canary"),
            "login.other_namespace");
  for (const char* text :
       {"", ";;;", "canary", "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKey=canary",
        "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=p;SharedAccessKey=",
        "SharedAccessKeyName=p;SharedAccessKey=canary", "=canary;=", "Endpoint"}) {
    EXPECT_EQ(CodeOf(text), "login.malformed_connection_string") << text;
  }
}

TEST(ConnectionString, OfAPolicyPassesTheCheck) {
  const Secret made = ConnectionStringOf(kHost, "listen", Secret(std::string_view("a2V5=")));
  EXPECT_TRUE(CheckConnectionString(made, kHost));
  EXPECT_EQ(made.Reveal(),
            "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=listen;"
            "SharedAccessKey=a2V5=");
}

TEST(EventHubsSpec, AUriNamesTheNamespaceAndThePolicy) {
  const auto connector = MakeEventHubsConnector();
  const auto draft = connector->spec().FromUri(
      "eventhubs://RootManageSharedAccessKey:k@contoso.servicebus.windows.net");
  ASSERT_TRUE(draft) << draft.error().ToString();
  EXPECT_EQ(GetString(draft->at("configuration").as_object(), "host"), kHost);
  EXPECT_EQ(GetString(draft->at("authentication").as_object(), "policy"),
            "RootManageSharedAccessKey");
  const auto endpoints = connector->Endpoints(draft->at("configuration").as_object());
  ASSERT_TRUE(endpoints);
  EXPECT_EQ(endpoints->front().port, 9093);
}

}  // namespace
}  // namespace nstarx::connectors::event_hubs
