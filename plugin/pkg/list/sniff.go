package list

import "bytes"

// binaryHead is how far control octets tell a binary file, in octets: what
// browsers look at (WHATWG MIME Sniffing, section 7).
const binaryHead = 1445

// sniff refuses what is no text, and the page that a failing download leaves in
// place of a list.
func sniff(head []byte) error {
	for _, utf16 := range []string{"\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(head, []byte(utf16)) {
			return ErrBinary
		}
	}
	if bytes.IndexByte(head, 0) >= 0 || bytes.ContainsFunc(head[:min(len(head), binaryHead)], control) {
		return ErrBinary
	}
	text := bytes.TrimPrefix(head, bom)
	text = bytes.TrimLeft(text, " \t\r\n\f\v")
	for _, tag := range []string{"<!doctype", "<html", "<head", "<body", "<?xml", "<!--", "<script", "<title", "<meta", "<rss", "<svg", "<h1", "<div", "<p>"} {
		if len(text) >= len(tag) && bytes.EqualFold(text[:len(tag)], []byte(tag)) {
			return ErrHTML
		}
	}
	return nil
}

// control: an octet that no text holds, by the same standard. TAB, LF, VT, FF,
// CR, SUB (the end of a DOS text) and ESC are left.
func control(r rune) bool {
	return r < ' ' && !(r >= '\t' && r <= '\r') && r != 0x1a && r != 0x1b
}
