package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/dropdir"
)

// A server is what the control socket shows.
var _ control.Backend = (*server)(nil)

// Status implements control.Backend.
func (srv *server) Status(context.Context) (control.Status, error) {
	s := control.Status{
		Version:       buildVersion(),
		UptimeSeconds: int64(time.Since(srv.started) / time.Second),
		Warnings:      srv.warnings(),
		Lists:         srv.lists(),
	}
	if l, ok := activeLists(); ok {
		s.Feeds = l.FeedStatus()
	}
	if r, ok := activeRecursor(); ok {
		s.Recursor = r.Status()
	}
	if c, ok := activeCensus(); ok {
		s.Census = c.Status()
	}
	return s, nil
}

// warnings gathers what an operator should know, ours first. It is never nil:
// status shows an empty list.
func (srv *server) warnings() []string {
	all := []string{}
	srv.mu.Lock()
	if srv.refusal != "" {
		all = append(all, srv.refusal)
	}
	c := srv.inForce
	srv.mu.Unlock()
	all = append(all, c.exposures()...)
	if l, ok := activeLists(); ok {
		all = append(all, l.Warnings()...)
	}
	if s, ok := activeSubscribers(); ok {
		all = append(all, s.Warnings()...)
	}
	if r, ok := activeRecursor(); ok {
		all = append(all, r.Warnings()...)
	}
	if c, ok := activeCensus(); ok {
		all = append(all, c.Warnings()...)
	}
	return all
}

// lists are all files of the drop folder, the classes of clients too.
func (srv *server) lists() []control.List {
	all := []control.List{}
	if l, ok := activeLists(); ok {
		all = append(all, l.Status()...)
	}
	if s, ok := activeSubscribers(); ok {
		all = append(all, s.Status()...)
	}
	return all
}

var (
	errNoLists  = errors.New("no server block holds sinkhole; there are no lists")
	errNoCensus = errors.New("no server block holds census; nobody is counted")
)

// Explain implements control.Backend.
func (srv *server) Explain(ctx context.Context, q control.Question) (control.Explanation, error) {
	all, err := srv.ExplainMany(ctx, []control.Question{q})
	if err != nil {
		return control.Explanation{}, err
	}
	if all[0].Explanation == nil {
		return control.Explanation{}, errors.New(all[0].Message)
	}
	return *all[0].Explanation, nil
}

// ExplainMany implements control.Backend.
func (srv *server) ExplainMany(_ context.Context, all []control.Question) ([]control.Answer, error) {
	l, ok := activeLists()
	if !ok {
		return nil, errNoLists
	}
	if s, ok := activeSubscribers(); ok {
		return explainTo(l, s, all)
	}
	return explainTo(l, nil, all)
}

const (
	verdictOptedOut = "opted out"
	whyOptedOut     = "the client stands in clients/opt-out: nothing is matched and nothing is counted"
)

// explaining are lists, running or offline.
type explaining interface {
	ExplainMany([]control.Question) ([]control.Answer, error)
}

// optOuts tell whether somebody wants no matching.
type optOuts interface{ OptedOut(netip.AddrPort) bool }

// explainTo explains names to clients. Lists do not know who opted out; that
// nothing is matched for them is told here.
func explainTo(l explaining, classes optOuts, all []control.Question) ([]control.Answer, error) {
	answers, err := l.ExplainMany(all)
	if err != nil {
		return nil, err
	}
	for i, q := range all {
		client, err := clientOf(q.Client)
		switch e := answers[i].Explanation; {
		case err != nil:
			answers[i] = control.Answer{Message: err.Error()}
		case e != nil && client.IsValid() && classes != nil && classes.OptedOut(client):
			*e = passOver(*e)
		}
	}
	return answers, nil
}

// clientOf is who asks: an address, behind CGN with its port.
func clientOf(text string) (netip.AddrPort, error) {
	if text == "" {
		return netip.AddrPort{}, nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a.Unmap(), 0), nil
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		return a, fmt.Errorf("client %q: want an address, behind CGN with its port: 100.64.0.7:1024", text)
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}

// passOver is e for a client who opted out: what decides others decides nothing.
func passOver(e control.Explanation) control.Explanation {
	if e.Source != nil {
		first := control.PassedOver{
			Category: e.Category, Action: e.Action, Zone: e.Zone, Trigger: e.Trigger, Source: *e.Source, Why: whyOptedOut,
		}
		e.PassedOver = append([]control.PassedOver{first}, e.PassedOver...)
	}
	return control.Explanation{
		Name: e.Name, Type: e.Type, Client: e.Client, Verdict: verdictOptedOut, PassedOver: e.PassedOver,
	}
}

// folderLook is a drop folder that can be looked at.
type folderLook interface {
	Look(ctx context.Context, accept string) ([]control.List, error)
}

// Reload implements control.Backend. A file to accept is of the lists or of the
// classes: that one of the two does not know it is no failure.
func (srv *server) Reload(ctx context.Context, r control.ReloadRequest) (control.Lists, error) {
	all := control.Lists{Lists: []control.List{}}
	var folders []folderLook
	if l, ok := activeLists(); ok {
		folders = append(folders, l)
	}
	if s, ok := activeSubscribers(); ok {
		folders = append(folders, s)
	}
	if len(folders) == 0 {
		return all, errNoLists
	}
	var unknown int
	var last error
	for _, f := range folders {
		found, err := f.Look(ctx, r.Accept)
		if errors.Is(err, dropdir.ErrNoFile) {
			unknown, last = unknown+1, err
			if found, err = f.Look(ctx, ""); err != nil {
				return all, err
			}
		}
		if err != nil {
			return all, err
		}
		all.Lists = append(all.Lists, found...)
	}
	if unknown == len(folders) {
		return all, last
	}
	return all, nil
}

// Report implements control.Backend.
func (srv *server) Report(_ context.Context, r control.ReportRequest) (json.RawMessage, error) {
	c, ok := activeCensus()
	if !ok {
		return nil, errNoCensus
	}
	return c.Report(r)
}

// Reveal implements control.Backend. The census writes the audit log before it
// hands anything out.
func (srv *server) Reveal(_ context.Context, who string, r control.RevealRequest) (control.Boxes, error) {
	c, ok := activeCensus()
	if !ok {
		return control.Boxes{}, errNoCensus
	}
	if r.Reason == "" {
		return control.Boxes{}, fmt.Errorf("a reveal without a reason; want --reason TEXT, it is written to the audit log")
	}
	boxes, err := c.Reveal(who, r.Reason, r.Clients)
	return control.Boxes{Boxes: boxes}, err
}
