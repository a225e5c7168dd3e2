package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sinkhole/plugin/pkg/control"
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
func (srv *server) Explain(_ context.Context, q control.Question) (control.Explanation, error) {
	l, ok := activeLists()
	if !ok {
		return control.Explanation{}, errNoLists
	}
	return l.Explain(q.Name, q.Type, q.Client)
}

// Reload implements control.Backend.
func (srv *server) Reload(ctx context.Context, r control.ReloadRequest) (control.Lists, error) {
	all := control.Lists{Lists: []control.List{}}
	lists, ok := activeLists()
	if ok {
		found, err := lists.Look(ctx, r.Accept)
		if err != nil {
			return all, err
		}
		all.Lists = append(all.Lists, found...)
	}
	clients, ok2 := activeSubscribers()
	if ok2 {
		found, err := clients.Look(ctx, r.Accept)
		if err != nil {
			return all, err
		}
		all.Lists = append(all.Lists, found...)
	}
	if !ok && !ok2 {
		return all, errNoLists
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
