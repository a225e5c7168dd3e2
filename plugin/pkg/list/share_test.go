package list

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestShare: what the reader of zones uses counts as Read does.
func TestShare(t *testing.T) {
	res := NewResult()
	if err := res.Judge(); !errors.Is(err, ErrEmpty) {
		t.Errorf("nothing read: got %v", err)
	}
	res.Comment("z", 1, []byte("; sinkhole: shadow expires=7d"))
	res.Comment("z", 2, []byte("; sinkhole: nonsense"))
	res.Comment("z", 3, []byte("; a comment"))
	res.Note(Note{File: "z", Line: 4, Why: "not so"}, []byte(strings.Repeat("x", 200)))
	res.Note(Note{File: "z", Line: 5, Why: "not this", Guard: true}, []byte("y"))
	res.Note(Note{File: "z", Line: 6, Why: "hm", Warning: true}, []byte("z"))
	res.Pass("things")
	res.Pass("things")
	if !res.Options.Shadow || res.Options.Expires == 0 || res.Refused != 2 || res.GuardRefused != 1 || res.Warnings != 2 || res.PassedOver != 2 || res.Passed["things"] != 2 {
		t.Errorf("got %+v", res)
	}
	var lines []int
	for _, n := range res.Notes {
		lines = append(lines, n.Line)
		if len(n.Text) > maxText {
			t.Errorf("a text of %d octets", len(n.Text))
		}
	}
	if fmt.Sprint(lines) != "[2 4 5 6]" {
		t.Errorf("notes of lines %v", lines)
	}
	if err := res.Judge(); err != nil {
		t.Errorf("one of four cannot be read: got %v", err)
	}
	for range 2 * MaxNotes {
		res.Note(Note{Warning: true}, nil)
	}
	if len(res.Notes) != MaxNotes || res.Warnings != 2*MaxNotes+2 {
		t.Errorf("%d notes of %d", len(res.Notes), res.Warnings)
	}
}

// TestEachLine: the text of lines, and what is no text at all.
func TestEachLine(t *testing.T) {
	var got []string
	err := EachLine(fileOf("\xef\xbb\xbfa\r\n\nb"+strings.Repeat("x", MaxLine)+"\nc"), 0, func(line int, text []byte, long bool) {
		got = append(got, fmt.Sprintf("%d %.3s %v", line, text, long))
	})
	if want := "[1 a false 2  false 3 bxx true 4 c false]"; fmt.Sprint(got) != want || err != nil {
		t.Errorf("got %v, %v; want %s", got, err, want)
	}
	for text, want := range map[string]error{"<html>": ErrHTML, "\x00": ErrBinary, "\x1f\x8b\x08": ErrBroken} {
		if err := EachLine(fileOf(text), 0, func(int, []byte, bool) {}); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", text, err, want)
		}
	}
	if err := EachLine(fileOf("abc"), 2, func(int, []byte, bool) {}); !errors.Is(err, ErrSize) {
		t.Errorf("over the limit: got %v", err)
	}
}
