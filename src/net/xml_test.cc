#include "net/xml.h"

#include <gtest/gtest.h>

namespace nstarx::net {
namespace {

TEST(XmlTest, ReadsAnErrorAnswer) {
  const auto root = ParseXml(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- x --><Error><Code>NoSuchKey</Code>"
      "<Message>a &lt;b&gt; &amp; &#233;&#x41;</Message><Empty a='>'/></Error>\n");
  ASSERT_TRUE(root) << root.error().ToString();
  EXPECT_EQ(root->name, "Error");
  EXPECT_EQ(root->TextOf("Code"), "NoSuchKey");
  EXPECT_EQ(root->TextOf("Message"), "a <b> & éA");
  EXPECT_NE(root->Find("Empty"), nullptr);
  EXPECT_EQ(root->Find("Absent"), nullptr);
}

TEST(XmlTest, DropsNamespacesAndReadsCdata) {
  const auto root = ParseXml("<s:A xmlns:s=\"urn:x\"><s:B><![CDATA[<&>]]>x</s:B></s:A>");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->name, "A");
  EXPECT_EQ(root->TextOf("B"), "<&>x");
}

TEST(XmlTest, RefusesHostileText) {
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "<a>";
  std::string many = "<a>";
  for (int i = 0; i < 200'001; ++i) many += "<b/>";
  many += "</a>";
  const std::string cases[] = {
      "",
      "text",
      "<a>",
      "<a></b>",
      "<a><b></a></b>",
      "<a b='>",
      "<a>&unknown;</a>",
      "<a>&#0;</a>",
      "<a>&#xD800;</a>",
      "<a>&#x110000;</a>",
      "<a>&amp</a>",
      "<a>]]><![CDATA[</a>",
      "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
      "<a/>tail",
      "<a/><b/>",
      "<a <b/>",
      "<>x</>",
      "<a>\xff</a>",
      deep,
      many,
  };
  for (const std::string& text : cases) {
    const auto root = ParseXml(text);
    ASSERT_FALSE(root) << text.substr(0, 60);
    EXPECT_EQ(root.error().code(), "response.malformed_xml");
  }
}

TEST(XmlTest, EscapedTextReadsBack) {
  const std::string text = "a<b>&\"c'";
  EXPECT_EQ(ParseXml("<x>" + EscapeXml(text) + "</x>")->text, text);
}

}  // namespace
}  // namespace nstarx::net
