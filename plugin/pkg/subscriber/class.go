package subscriber

import "slices"

// Class says what the rate of a line means.
type Class uint8

// The classes, in order of precedence: of two entries that reach equally far,
// the later class holds.
const (
	Fixed    Class = iota // a home or an office: every line that no file names
	CGN                   // an address that many lines share
	Mail                  // a mail server: it resolves what is sent to it
	Business              // many people behind one line
	Resolver              // a resolver, with clients of its own behind it
)

var classNames = []string{"fixed", "cgn", "mail", "business", "resolver"}

// String is the class as its folder and the report name it.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "unknown"
}

// OptOut is the folder of those who want neither matching nor counting.
const OptOut = "opt-out"

// Folders are the folders of class files.
func Folders() []string { return append([]string{OptOut}, classNames[CGN:]...) }

// ClassOf is the class whose files lie in folder. Fixed has none.
func ClassOf(folder string) (c Class, ok bool) {
	i := slices.Index(classNames, folder)
	return Class(max(i, 0)), i > int(Fixed)
}
