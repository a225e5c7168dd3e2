package subscribers

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"

	"sinkhole/plugin/pkg/control"
)

// OptedOut: whoever asks from a is in a file of opt-out/, so that nothing is
// matched for him. It is what the handler goes by.
func (s *Subscribers) OptedOut(a netip.AddrPort) bool {
	_, out := s.classes().Of(a)
	return out
}

// Offline is a folder of classes that was read without a server.
type Offline struct{ f *folder }

// ReadClasses reads the folder dir as a server would at its first start. It
// keeps nothing and follows nothing.
func ReadClasses(dir string) (*Offline, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("%s: %w; want a folder", dir, cause(err))
	}
	f := newFolder(dir, "", nil)
	if err := f.files.Start(context.Background()); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return &Offline{f}, nil
}

// Status is every class file, sorted by name.
func (o *Offline) Status() []control.List { return statusOf(o.f.files.Files(), time.Now()) }

// OptedOut is as of Subscribers.
func (o *Offline) OptedOut(a netip.AddrPort) bool {
	_, out := o.f.inForce.Load().Of(a)
	return out
}
