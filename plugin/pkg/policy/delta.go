package policy

import "context"

// Update is Build from p on: of the lists only those are read whose SHA256 is not
// that of p, the old version by its File.Open and the new by its own.
func (p *Policy) Update(ctx context.Context, lists []File, zones []ZoneFile) (*Policy, error) {
	return Build(ctx, p.config, lists, zones, Options{})
}

// Crowded tells that so much has been changed since Build that a Build anew is
// due.
func (p *Policy) Crowded() bool { return false }
