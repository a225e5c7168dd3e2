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
	if len(text) > 1 && text[0] == '<' && markup(text[1]) {
		return ErrHTML
	}
	return nil
}

// markup: behind < it begins a tag, a declaration or a comment of a page. No
// entry of a list begins so.
func markup(c byte) bool { return c == '!' || c == '?' || c == '/' || host[c] >= 'a' }

// control: an octet that no text holds, by the same standard. TAB, LF, VT, FF,
// CR, SUB (the end of a DOS text) and ESC are left.
func control(r rune) bool {
	return r < ' ' && !(r >= '\t' && r <= '\r') && r != 0x1a && r != 0x1b
}
