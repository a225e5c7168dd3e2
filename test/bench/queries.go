package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// sample is one round of load on one server.
type sample struct {
	qps  float64
	us   float64 // of CPU a query
	lost float64 // percent of the questions
}

// series are the rounds of a server and a kind of question.
type series struct {
	server, kind string
	samples      []sample
}

var kinds = []struct {
	name  string
	rcode int
}{{"listed", dns.RcodeNameError}, {"cached", dns.RcodeSuccess}}

// queries loads both servers in turn.
func (b *bench) queries(ctx context.Context) ([]series, error) {
	files := map[string]string{}
	for _, k := range kinds {
		files[k.name] = filepath.Join(b.dir, k.name+".txt")
	}
	if err := writeListed(files["listed"], b.names, b.plan.asked); err != nil {
		return nil, err
	}
	if err := writeCached(files["cached"], b.plan.cached, b.plan.asked); err != nil {
		return nil, err
	}
	ours, err := b.sinkhole("queries-sinkhole")
	if err != nil {
		return nil, err
	}
	if err := b.writeList(ours); err != nil {
		return nil, err
	}
	peer, err := b.unbound("queries-unbound")
	if err != nil {
		return nil, err
	}
	var all []series
	running := map[string]*process{}
	servers := []server{ours, peer}
	for i, s := range servers {
		p, err := startProcess(s.dir, s.args...)
		if err != nil {
			return nil, err
		}
		defer p.stop()
		running[s.name] = p
		if _, err := await(ctx, p, s.addr, b.names[0], dns.RcodeNameError, time.Now()); err != nil {
			return nil, err
		}
		if err := warm(ctx, p, s.addr, b.plan.cached); err != nil {
			return nil, err
		}
		for _, k := range kinds {
			all = append(all, series{server: labels[i], kind: k.name})
		}
	}
	for range b.plan.rounds {
		for i, s := range servers {
			for j, k := range kinds {
				got, err := b.load(ctx, running[s.name], s.addr, files[k.name], k.rcode)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", s.name, k.name, err)
				}
				at := &all[i*len(kinds)+j]
				at.samples = append(at.samples, got)
			}
		}
	}
	return all, nil
}

// labels are the servers as the tables name them, ours first.
var labels = []string{"sinkhole", "Unbound, RPZ", "PowerDNS, RPZ"}

// generator are the flags of dnsperf beside server and file: 20 clients, one
// thread, so many questions on their way, of which one is lost after 2 s.
func (p plan) generator() []string {
	return []string{"-c", "20", "-T", "1", "-q", strconv.Itoa(p.waiting), "-t", "2", "-l", strconv.Itoa(p.seconds)}
}

// maxLost is how many percent of the questions may be lost: a burst that finds the
// server off its core overflows its socket's buffer. What loses more is another
// thing than what is to be measured.
const maxLost = 5.0

// load runs dnsperf once.
func (b *bench) load(ctx context.Context, p *process, addr, file string, want int) (sample, error) {
	args := append([]string{"dnsperf", "-s", "127.0.0.1", "-p", port(addr), "-d", file}, b.plan.generator()...)
	args = pinned(clientCore, args...)
	before := p.usage().cpu
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	used := p.usage().cpu - before
	if err != nil {
		return sample{}, fmt.Errorf("dnsperf: %w: %s", err, out)
	}
	if err := p.alive(); err != nil {
		return sample{}, err
	}
	r, err := readDnsperf(string(out))
	if err != nil {
		return sample{}, err
	}
	lost := 100 * float64(r.lost) / float64(r.completed+r.lost)
	// A server that answers otherwise is not measured: it fails.
	if right := r.rcodes[dns.RcodeToString[want]]; right*1000 < r.completed*999 || lost > maxLost {
		return sample{}, fmt.Errorf("of %d answers %d were %s, and %.1f percent of the questions were lost; want nearly all, and at most %g",
			r.completed, right, dns.RcodeToString[want], lost, maxLost)
	}
	return sample{r.qps, float64(used.Microseconds()) / float64(r.completed), lost}, nil
}

// dnsperf is what it reports.
type dnsperf struct {
	completed, lost int
	qps             float64
	rcodes          map[string]int
}

var (
	completedLine = regexp.MustCompile(`Queries completed:\s+(\d+)`)
	lostLine      = regexp.MustCompile(`Queries lost:\s+(\d+)`)
	qpsLine       = regexp.MustCompile(`Queries per second:\s+([0-9.]+)`)
	rcodesLine    = regexp.MustCompile(`Response codes:\s+(.*)`)
	rcodePart     = regexp.MustCompile(`([A-Z]+) (\d+)`)
)

func readDnsperf(text string) (r dnsperf, err error) {
	number := func(re *regexp.Regexp) string {
		m := re.FindStringSubmatch(text)
		if m == nil {
			err = fmt.Errorf("dnsperf says nothing of %q: %s", re, text)
			return "0"
		}
		return m[1]
	}
	r.completed, _ = strconv.Atoi(number(completedLine))
	r.lost, _ = strconv.Atoi(number(lostLine))
	r.qps, _ = strconv.ParseFloat(number(qpsLine), 64)
	r.rcodes = map[string]int{}
	for _, m := range rcodePart.FindAllStringSubmatch(strings.TrimSpace(number(rcodesLine)), -1) {
		r.rcodes[m[1]], _ = strconv.Atoi(m[2])
	}
	if err == nil && r.completed == 0 {
		err = fmt.Errorf("dnsperf had no answer: %s", text)
	}
	return r, err
}
