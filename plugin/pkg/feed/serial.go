package feed

// newer: serial a is newer than b (RFC 1982, section 3.2). Of two that are 2^31
// apart neither is.
func newer(a, b uint32) bool { return int32(a-b) > 0 }
