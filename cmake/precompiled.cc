// Exists to own a precompiled header; every room reuses it.
namespace nstarx {}
