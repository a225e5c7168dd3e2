package judge

import (
	"testing"

	"sinkhole/plugin/pkg/tally"
)

// BenchmarkJudge judges what most records are, a busy line, and one that keeps
// asking for listed names.
func BenchmarkJudge(b *testing.B) {
	for name, does := range map[string]line{
		"busy":    asks(550, 143, 144),
		"contact": asks(50, 143, 144).hits("c2", "a.example", every(7, 140)...).hits("c2", "b.example", every(50, 20)...),
	} {
		b.Run(name, func(b *testing.B) {
			rec := does.record(tally.New(1 << 20))
			env := environment(nil)
			b.ReportAllocs()
			for b.Loop() {
				Judge(rec, env)
			}
		})
	}
}
