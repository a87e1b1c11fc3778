"""The connectors' own C++ tests on real servers."""
