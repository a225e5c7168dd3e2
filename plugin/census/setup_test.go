package census

import (
	"testing"
	"time"

	"github.com/coredns/caddy"

	"sinkhole/plugin/pkg/judge"
	"sinkhole/plugin/pkg/tally"
)

func TestSetup(t *testing.T) {
	for name, test := range map[string]struct {
		corefile string
		want     func(*Config)
	}{
		"a directive without a block has its defaults": {
			corefile: "census",
			want:     func(*Config) {},
		},
		"an empty block too": {
			corefile: "census {\n}",
			want:     func(*Config) {},
		},
		"all options": {
			corefile: "census {\n\tmemory 1GiB\n\tsignals volume off\n\tsignals listed on\n\tsignals behaviour off\n\twarmup 0\n\tshadow\n\tstate /tmp/census\n}",
			want: func(c *Config) {
				c.Memory, c.Warmup, c.Groups[judge.Volume] = 1<<30, 0, false
			},
		},
		"a signal is switched off": {
			corefile: "census {\n\tdetect rate-1 off\n}",
			want:     func(c *Config) { c.Rules[judge.Rate1].On = false },
		},
		"a threshold, a window and a switch, in any order": {
			corefile: "census {\n\tdetect rate-2 window 6h on threshold 60000\n\tdetect c2-3 window 2d\n}",
			want: func(c *Config) {
				c.Rules[judge.Rate2] = judge.Rule{On: true, Threshold: 60_000, Window: 6 * tally.Hour}
				c.Rules[judge.C23].Window = 2 * tally.Day
			},
		},
		"a warm-up of days": {
			corefile: "census {\n\twarmup 7d\n}",
			want:     func(c *Config) { c.Warmup = 7 * 24 * time.Hour },
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := defaults()
			test.want(&want)
			got, err := parse(caddy.NewTestController("dns", test.corefile))
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestSetupRefuses(t *testing.T) {
	for name, test := range map[string]struct{ corefile, want string }{
		"an unknown option names the accepted ones": {
			"census {\n\tretain panes 48h\n}",
			`Testfile:2 - Error during parsing: unknown option "retain"; want one of detect, memory, shadow, signals, state, warmup`,
		},
		"arguments": {
			"census on",
			`Testfile:1 - Error during parsing: census takes a block, got ["on"]`,
		},
		"twice": {
			"census\ncensus",
			`Testfile:2 - Error during parsing: census stands twice in this server block; want it once`,
		},
		"memory out of range": {
			"census {\n\tmemory 12\n}",
			`Testfile:2 - Error during parsing: memory "12": want a size from 1MiB to 64GiB`,
		},
		"memory without a size": {
			"census {\n\tmemory\n}",
			`Testfile:2 - Error during parsing: memory : want a size from 1MiB to 64GiB`,
		},
		"a group that is none": {
			"census {\n\tsignals lists on\n}",
			`Testfile:2 - Error during parsing: signals ["lists" "on"]: want listed, volume or behaviour, and on or off`,
		},
		"a group without a switch": {
			"census {\n\tsignals listed\n}",
			`Testfile:2 - Error during parsing: signals ["listed"]: want listed, volume or behaviour, and on or off`,
		},
		"a group that is not judged yet": {
			"census {\n\tsignals behaviour on\n}",
			`Testfile:2 - Error during parsing: signals behaviour on: this build judges listed names and volume only; want off`,
		},
		"a signal that is none": {
			"census {\n\tdetect nx-1 off\n}",
			`Testfile:2 - Error during parsing: detect "nx-1": want one of rate-1, rate-2, rate-3, c2-1, c2-2, c2-3`,
		},
		"a signal and nothing": {
			"census {\n\tdetect rate-1\n}",
			`Testfile:2 - Error during parsing: detect ["rate-1"]: want a signal, then on, off, threshold N or window DURATION`,
		},
		"a word that is none": {
			"census {\n\tdetect rate-1 loudly\n}",
			`Testfile:2 - Error during parsing: detect rate-1 "loudly": want on, off, threshold N or window DURATION`,
		},
		"a threshold without a number": {
			"census {\n\tdetect rate-1 threshold\n}",
			`Testfile:2 - Error during parsing: detect rate-1 "threshold": want on, off, threshold N or window DURATION`,
		},
		"a threshold of nothing": {
			"census {\n\tdetect rate-1 threshold 0\n}",
			`Testfile:2 - Error during parsing: detect rate-1 threshold "0": want a whole number from 1 to 1000000000`,
		},
		"a window of half a pane": {
			"census {\n\tdetect rate-1 window 5m\n}",
			`Testfile:2 - Error during parsing: detect rate-1 window "5m": want a duration from 10m0s to 24h0m0s, of whole panes of 10m0s`,
		},
		"a window that is too long": {
			"census {\n\tdetect c2-3 window 30d\n}",
			`Testfile:2 - Error during parsing: detect c2-3 window "30d": want a duration from 20m0s to 168h0m0s, of whole panes of 10m0s`,
		},
		"a warm-up that never ends": {
			"census {\n\twarmup 31d\n}",
			`Testfile:2 - Error during parsing: warmup "31d": want a duration from 0s to 720h0m0s`,
		},
		"a word behind shadow": {
			"census {\n\tshadow on\n}",
			`Testfile:2 - Error during parsing: shadow "on": want no argument`,
		},
		"a state of two directories": {
			"census {\n\tstate a b\n}",
			`Testfile:2 - Error during parsing: state "a" "b": want a directory`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(caddy.NewTestController("dns", test.corefile))
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
