package sinkhole

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/feed"
	"sinkhole/plugin/pkg/query"
)

// followFeeds has the zones that the Corefile has primaries for fetched into the
// drop folder, until the lists are closed. What comes of a file there is the
// folder's, as for any other.
func (s *Sinkhole) followFeeds(state string) {
	state = kept(state, "feeds", s.dir)
	for _, z := range s.cfg.Zones {
		if !z.Feed() {
			continue
		}
		if len(s.feeds) == 0 {
			s.makeRoom()
			if err := os.MkdirAll(state, 0o700); err != nil {
				log.Warningf("feeds: %s: %v; when they last went well is not kept", state, cause(err))
				state = ""
			}
		}
		f := feed.New(feed.Options{
			Zone:      z.Name,
			Primaries: z.Primaries,
			File:      filepath.Join(s.dir, rpzFolder, z.Files[0]),
			State:     state,
			MaxSize:   s.cfg.MaxSize,
			Changed:   tellFeed,
		})
		s.feeds = append(s.feeds, f)
		s.follows.Go(func() { f.Run(s.ctx) })
	}
}

// makeRoom makes the folder for zones that are fetched: in a drop folder that
// holds something, or where nothing was ever dropped. One that is empty and was
// not may be a volume that is not mounted, and what is made in it would look as
// if all lists had been deleted.
func (s *Sinkhole) makeRoom() {
	room := filepath.Join(s.dir, rpzFolder)
	if there, _ := os.ReadDir(s.dir); len(there) == 0 && len(s.folder.Files()) > 0 {
		return // a feed that finds no folder says so
	}
	if err := os.MkdirAll(room, 0o755); err != nil {
		log.Warningf("feeds: %s: %v; what is fetched has no place", room, cause(err))
	}
}

// tellFeed logs what became of a refresh.
func tellFeed(e feed.Event) {
	switch {
	case e.Failure != nil && e.Records == 0:
		log.Warningf("feed %s: %s: %s; nothing of it was fetched yet", e.Zone, e.Primary, e.Failure.Text)
	case e.Failure != nil:
		log.Warningf("feed %s: %s: %s; serial %d stays in force", e.Zone, e.Primary, e.Failure.Text, e.Serial)
	case e.Kind == "":
		log.Infof("feed %s: %s answers again; serial %d is the newest", e.Zone, e.Primary, e.Serial)
	default:
		log.Infof("feed %s: serial %d, %d records by %s from %s in %s", e.Zone, e.Serial, e.Records,
			strings.ToUpper(string(e.Kind)), e.Primary, e.Took.Round(time.Millisecond))
	}
}

// Feeds are the zones that are fetched, in the order of the Corefile.
func (s *Sinkhole) Feeds() []feed.Status {
	all := make([]feed.Status, len(s.feeds))
	for i, f := range s.feeds {
		all[i] = f.Status()
	}
	return all
}

// feedWarnings are what an operator should see to.
func (s *Sinkhole) feedWarnings() (all []string) {
	for _, f := range s.Feeds() {
		all = append(all, f.Warnings...)
	}
	return all
}

// FeedStatus is every zone that is fetched, in the order of the Corefile.
func (s *Sinkhole) FeedStatus() []control.Feed {
	var all []control.Feed
	for _, f := range s.Feeds() {
		to := control.Feed{Zone: f.Zone, State: string(f.State), Serial: f.Serial, Records: f.Records, Primary: f.Primary}
		to.LastSuccess, to.NextRefresh = moment(f.LastSuccess), moment(f.NextRefresh)
		if f.LastFailure != nil && f.State != feed.Current {
			to.Reason = f.LastFailure.Text
		}
		all = append(all, to)
	}
	return all
}

// moment is a time as JSON shows it; nil: there is none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Notify takes a NOTIFY (RFC 1996) that a primary of one of our feeds sent, and
// gives the answer to it; nil: it is none of them. signed is what came of its
// TSIG: a primary may sign, and then with the key that we share.
func (h *Handler) Notify(from netip.Addr, r *dns.Msg, signed error) *dns.Msg {
	if h.lists == nil || r.Response || r.Opcode != dns.OpcodeNotify || len(r.Question) != 1 {
		return nil
	}
	q := r.Question[0]
	if q.Qtype != dns.TypeSOA || q.Qclass != dns.ClassINET {
		return nil
	}
	i := slices.IndexFunc(h.lists.feeds, func(f *feed.Feed) bool { return dns.CanonicalName(q.Name) == dns.Fqdn(f.Zone()) })
	if i < 0 {
		return nil
	}
	f, tsig := h.lists.feeds[i], r.IsTsig()
	if tsig != nil && !(signed == nil && f.Shares(from, tsig.Hdr.Name, tsig.Algorithm)) || !f.Notify(from, soaIn(r)) {
		return nil
	}
	m := new(dns.Msg).SetReply(r)
	m.Authoritative = true // as for the zone that we keep
	if opt := r.IsEdns0(); opt != nil {
		m.Extra = append(m.Extra, query.OPT(opt.Do()))
	}
	if tsig != nil { // the server signs what has one
		m.SetTsig(tsig.Hdr.Name, tsig.Algorithm, tsig.Fudge, time.Now().Unix())
	}
	return m
}

// soaIn is the SOA that a NOTIFY may tell of (RFC 1996, section 3.7).
func soaIn(r *dns.Msg) *dns.SOA {
	for _, rr := range r.Answer {
		if soa, ok := rr.(*dns.SOA); ok && strings.EqualFold(soa.Hdr.Name, r.Question[0].Name) {
			return soa
		}
	}
	return nil
}

// secrets are the TSIG keys of all primaries, as a server keeps them to check
// what is signed with one.
func (c Config) secrets() (map[string]string, error) {
	all := map[string]string{}
	for _, z := range c.Zones {
		for _, p := range z.Primaries {
			if p.KeyFile == "" {
				continue
			}
			k, _, err := feed.ReadKey(p.KeyFile)
			if err != nil {
				return nil, err
			}
			if other, ok := all[k.Name]; ok && other != k.Secret {
				return nil, fmt.Errorf("%s: rpz %s: key %q has another secret than the one of that name before; want a name of its own", z.place, z.Name, k.Name)
			}
			all[k.Name] = k.Secret
		}
	}
	return all, nil
}
