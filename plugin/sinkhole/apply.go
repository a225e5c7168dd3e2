package sinkhole

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/policy"
	"sinkhole/plugin/pkg/rpz"
)

// files are what a Policy is made of.
type files struct {
	lists []policy.File
	zones []policy.ZoneFile
}

// filesOf sorts versions into lists and zones; the zones stand in the order of
// the rpz lines, and behind them those that no line names, by name.
func (s *Sinkhole) filesOf(in []dropdir.Version) (all files) {
	for _, v := range in {
		if isZone(v.Name) {
			all.zones = append(all.zones, policy.ZoneFile{
				Name: v.Name, SHA256: v.SHA256, Time: v.Time, Open: v.Open, Part: v.Part,
				Override: s.override(v.Name),
			})
			continue
		}
		all.lists = append(all.lists, policy.File{Name: v.Name, SHA256: v.SHA256, Time: v.Time, Open: v.Open, Entries: v.Entries})
	}
	slices.SortStableFunc(all.zones, func(a, b policy.ZoneFile) int {
		return cmp.Compare(s.place(a.Name), s.place(b.Name))
	})
	return all
}

// zoneFiles are the files that rpz lines name, in their order.
func (c Config) zoneFiles(yield func(file string, z Zone) bool) {
	for _, z := range c.Zones {
		for _, file := range z.Files {
			if !yield(rpzFolder+"/"+file, z) {
				return
			}
		}
	}
}

// place is where a zone stands among those that rpz lines name; behind them all,
// where none does.
func (s *Sinkhole) place(name string) (place int) {
	for file := range s.cfg.zoneFiles {
		if file == name {
			return place
		}
		place++
	}
	return place
}

func (s *Sinkhole) override(name string) (o rpz.Override) {
	for file, z := range s.cfg.zoneFiles {
		if file == name {
			return rpz.Override{Action: z.Policy, CNAME: z.CNAME}
		}
	}
	return o
}

func (s *Sinkhole) policyConfig() policy.Config {
	return policy.Config{
		Categories: s.cfg.Categories,
		Default:    s.cfg.Default,
		Protect:    s.cfg.Protect,
		MaxSize:    s.cfg.MaxSize,
		Pause:      s.pauses.pause,
	}
}

// apply puts a set of versions in force: what the state holds of it at the first
// start, else what is built beside the policy in force, and then takes its place.
func (s *Sinkhole) apply(ctx context.Context, in []dropdir.Version) error {
	s.after.end() // what is built of an older set is not wanted
	begun := time.Now()
	all := s.filesOf(in)
	old := s.inForce.Load()
	if old == nil && s.index != "" {
		if p, ok := policy.Resume(s.policyConfig(), all.lists, all.zones, s.index); ok {
			s.swap(p, begun)
			s.after.set = all
			return nil
		}
	}
	p, err := s.made(ctx, old, all)
	if err != nil {
		return err
	}
	s.swap(p, begun)
	s.after.set = all
	s.giveBack()
	if s.index != "" {
		s.after.begin(s.ctx, func(ctx context.Context) { s.settle(ctx, p, all) })
	}
	return nil
}

// made is the policy of a set, from the one before where there is one.
func (s *Sinkhole) made(ctx context.Context, old *policy.Policy, all files) (*policy.Policy, error) {
	if s.fresh(all) > manyEntries {
		defer sparing()()
	}
	if old != nil {
		return old.Update(ctx, all.lists, all.zones)
	}
	return policy.Build(ctx, s.policyConfig(), all.lists, all.zones, policy.Options{Dir: s.index})
}

const (
	// buildPercent is how much garbage may lie about during a large build, in
	// percent of what is alive. Beside a million names in force the peak is 31 MB
	// in place of 51 with it, for a tenth more of CPU.
	buildPercent = 25

	// manyEntries is how many make a build large. Below, there is so little alive
	// that the collector would do nothing but come by: with ten thousand files of
	// one name each it took most of the time.
	manyEntries = 1 << 16
)

// fresh is how many entries of all stand in versions that the set in force has
// not.
func (s *Sinkhole) fresh(all files) (entries int) {
	had := map[string]string{}
	for _, l := range s.after.set.lists {
		had[l.Name] = l.SHA256
	}
	for _, l := range all.lists {
		if had[l.Name] != l.SHA256 {
			entries += l.Entries
		}
	}
	return entries
}

// building counts the large builds that go on. One set of lists has one at a time;
// over a reload of the Corefile there are two sets, and the collector is the
// process's: the last to end gives it back as the first has found it.
var building struct {
	sync.Mutex
	n, was int
}

// sparing has the collector come by more often, until what it returns is called.
func sparing() (enough func()) {
	building.Lock()
	defer building.Unlock()
	if building.n++; building.n == 1 {
		building.was = debug.SetGCPercent(buildPercent)
	}
	return func() {
		building.Lock()
		defer building.Unlock()
		if building.n--; building.n == 0 {
			debug.SetGCPercent(building.was)
		}
	}
}

func (s *Sinkhole) swap(p *policy.Policy, begun time.Time) {
	s.inForce.Store(p)
	s.swaps.Add(1)
	swapDuration.Observe(time.Since(begun).Seconds())
}

// giveBack gives the memory of a build back. Reading and building leave several
// times as much garbage as the set is large, and nothing else here allocates so
// much that the collector would come by soon. While somebody is served it only
// comes by, and the system has the pages a little later: to give all at once
// holds up whoever wants this processor, 20 ms for a set of a million names.
func (s *Sinkhole) giveBack() {
	if s.pauses.serving.Load() {
		runtime.GC()
		return
	}
	debug.FreeOSMemory()
}

// settle does what a set in force may wait for: it is kept for the next start,
// and where many changes stand beside its index, built anew. The new one takes
// its place only where that is still its own.
func (s *Sinkhole) settle(ctx context.Context, p *policy.Policy, all files) {
	s.keep(p)
	if !p.Crowded() {
		return
	}
	begun := time.Now()
	defer sparing()()
	next, err := policy.Build(ctx, s.policyConfig(), all.lists, all.zones, policy.Options{Dir: s.index})
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		s.after.say(fmt.Errorf("the lists in force cannot be built anew: %w; they stay, and each change costs more", err))
		return
	}
	if !s.inForce.CompareAndSwap(p, next) {
		return
	}
	swapDuration.Observe(time.Since(begun).Seconds())
	s.giveBack()
	s.keep(next)
}

// keep has the state hold the policy, for a start that reads no list.
func (s *Sinkhole) keep(p *policy.Policy) {
	var why error
	if err := p.Save(s.index); err != nil {
		why = fmt.Errorf("%s: what is built of the lists cannot be kept: %w; the next start reads them all", dropdir.Printable(s.index), cause(err))
	}
	s.after.say(why)
}

// aftermath is what goes on behind a set that came in force: one at a time.
type aftermath struct {
	mu    sync.Mutex
	stop  context.CancelFunc
	ended chan struct{}
	fault atomic.Pointer[error]
	set   files // that came in force; of the goroutine that applies
}

// begin has work go on until it is done, or ended.
func (a *aftermath) begin(ctx context.Context, work func(context.Context)) {
	a.end()
	a.mu.Lock()
	defer a.mu.Unlock()
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	a.stop, a.ended = stop, ended
	go func() {
		defer close(ended)
		defer stop()
		defer func() {
			if fault := recover(); fault != nil {
				a.say(fmt.Errorf("a fault of this program: it stopped with %v", fault))
			}
		}()
		work(ctx)
	}()
}

// end has it stop, and waits until it has.
func (a *aftermath) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop != nil {
		a.stop()
		<-a.ended
		a.stop = nil
	}
}

// say notes what went wrong; nil: nothing did.
func (a *aftermath) say(err error) { a.fault.Store(&err) }

// wrong is what went wrong last.
func (a *aftermath) wrong() error {
	if p := a.fault.Load(); p != nil {
		return *p
	}
	return nil
}
