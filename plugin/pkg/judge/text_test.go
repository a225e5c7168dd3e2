package judge

import (
	"strings"
	"testing"

	"sinkhole/plugin/pkg/tally"
)

func TestText(t *testing.T) {
	for _, test := range []struct {
		name string
		does line
		want []string
	}{
		{name: "a rate is said with the time and the usual line",
			does: asks(1_700, 5, 6),
			want: []string{
				"a device on this line, or several together, asked 10,200 questions in one hour, 68 times as many as a usual line (16 February 2026, 11:10 to 12:10 UTC)",
				"a device on this line, or several together, asked 10,200 questions in one hour, 68 times as many as a usual line (16 February 2026, 11:10 to 12:10 UTC)",
			}},
		{name: "ten minutes",
			does: asks(12_345, 0, 1),
			want: []string{"a device on this line, or several together, asked 12,345 questions in ten minutes (16 February 2026, 12:00 to 12:10 UTC)"}},
		{name: "a broken device is said kindly",
			does: line{}.repeats(14_500, 3, 2),
			want: []string{"a device on this line asked 29,000 questions in one hour, most of them for one and the same name, as a device does that cannot reach its server (16 February 2026, 11:30 to 11:50 UTC)"}},
		{name: "one contact",
			does: line{}.hits("c2", "c2.example", 3),
			want: []string{"a device on this line asked for c2.example, listed as c2, in 1 period of ten minutes (16 February 2026, 11:30 to 11:40 UTC)"}},
		{name: "many contacts with one name, over midnight",
			does: line{}.hits("c2", "c2.example", every(9, 12)...),
			want: []string{
				"a device on this line kept asking for c2.example, listed as c2, in 12 periods of ten minutes in 12 different hours (15 February 2026, 19:30 to 16 February 2026, 12:10 UTC)",
				"a device on this line repeatedly asked for c2.example, listed as c2, in 12 periods of ten minutes in 12 different hours (15 February 2026, 19:30 to 16 February 2026, 12:10 UTC)",
				"a device on this line asked for c2.example, listed as c2, in 12 periods of ten minutes in 12 different hours (15 February 2026, 19:30 to 16 February 2026, 12:10 UTC)",
			}},
		{name: "several names of several categories, an address among them",
			does: line{}.hits("c2", "b.example", 3).hits("dga", "a.example", 3).hits("c2", "203.0.113.0/24", 3),
			want: []string{"a device on this line asked for a name at the address 203.0.113.0/24, a.example and b.example, listed in several categories, in 1 period of ten minutes (16 February 2026, 11:30 to 11:40 UTC)"}},
		{name: "a page of pictures is cut short",
			does: page(6),
			want: []string{"a device on this line asked for img0.example, img1.example, img2.example and 3 others, listed as c2, in 1 period of ten minutes (16 February 2026, 11:30 to 11:40 UTC)"}},
		{name: "a name that there was no room for",
			does: line{}.hits("c2", "", 3),
			want: []string{"a device on this line asked for a name listed as c2, in 1 period of ten minutes (16 February 2026, 11:30 to 11:40 UTC)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := Judge(test.does.record(tally.New(1<<20)), environment(nil))
			var got []string
			for _, e := range f.Evidence {
				got = append(got, e.Text())
				if strings.Contains(e.Text(), "infect") {
					t.Errorf("%q accuses", e.Text())
				}
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestSpan(t *testing.T) {
	for panes, want := range map[tally.Pane]string{
		1: "ten minutes", 3: "30 minutes", tally.Hour: "one hour", 12: "2 hours", 9: "90 minutes", tally.Day: "1 day", tally.Week: "7 days",
	} {
		if got := span(length(panes)); got != want {
			t.Errorf("span(%d panes) = %q, want %q", panes, got, want)
		}
	}
}
