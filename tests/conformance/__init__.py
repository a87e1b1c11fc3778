"""The one suite that every connection type passes, against real servers."""
