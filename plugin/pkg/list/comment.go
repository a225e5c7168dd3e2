package list

import "bytes"

// cutComment is the entry of a trimmed line without its comment; empty where
// the line is all comment. A comment begins the line or follows white space, so
// that a.example#x stays whole, and is refused, and is not a.example.
func cutComment(e []byte) []byte {
	if len(e) == 0 || commentLine(e) {
		return nil
	}
	if i := inlineComment(e); i > 0 {
		return trim(e[:i])
	}
	return e
}

// commentLine tells whether a line is all comment: # ! ; //, or a header in
// brackets ([Adblock Plus 2.0]). Cosmetic rules begin with # as well.
func commentLine(e []byte) bool {
	switch e[0] {
	case '!', ';':
		return true
	case '#':
		return !cosmetic(e)
	case '/':
		return len(e) > 1 && e[1] == '/'
	case '[':
		return e[len(e)-1] == ']' && !isAddr(e[1:len(e)-1])
	}
	return false
}

// inlineComment is where a comment begins behind white space, 0 where none does.
func inlineComment(e []byte) int {
	for i := 1; i < len(e); i++ {
		if !space(e[i-1]) {
			continue
		}
		switch e[i] {
		case '#', '!', ';':
			return i
		case '/':
			if i+1 < len(e) && e[i+1] == '/' {
				return i
			}
		}
	}
	return 0
}

// commentOf is what a line's comment says, without its marks.
func commentOf(text []byte) []byte {
	e := trim(text)
	if len(e) == 0 {
		return nil
	}
	if !commentLine(e) {
		i := inlineComment(e)
		if i == 0 {
			return nil
		}
		e = e[i:]
	}
	return bytes.TrimLeft(e, "#!;/ \t")
}

// cosmetic tells a rule for the elements of pages by its marker, inside
// (x.example##.ad) or in front. ## in front is taken for a heading unless a
// class or an attribute follows.
func cosmetic(e []byte) bool {
	for i := 0; i < len(e); i++ {
		switch e[i] {
		case '#':
			rest := e[i:]
			if bytes.HasPrefix(rest, []byte("##")) {
				if i > 0 || len(e) > 2 && (e[2] == '.' || e[2] == '[') {
					return true
				}
				return false
			}
			if marker(rest) {
				return true
			}
		case '$': // x.example$$script[…]: AdGuard's rules on HTML
			if i > 0 && i+1 < len(e) && e[i+1] == '$' {
				return true
			}
		}
	}
	return false
}

// marker: #@#, or up to two of @ ? $ % between two #.
func marker(e []byte) bool {
	for i := 1; i < len(e) && i <= 3; i++ {
		switch e[i] {
		case '@', '?', '$', '%':
		case '#':
			return i > 1
		default:
			return false
		}
	}
	return false
}
