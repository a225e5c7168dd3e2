package report

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// columns are those of a table and of CSV, in the order that people and programs
// rely on.
var columns = []string{"client", "level", "label", "score", "queries_hour", "times_median", "c2_hits", "first_seen", "last_seen", "evidence"}

// Columns is the header of Rows.
func Columns(revealed bool) []string {
	c := slices.Clone(columns)
	if revealed {
		c = slices.Insert(c, 1, "address")
	}
	return c
}

// Rows has a row for each client, as wide as Columns.
func (r *Report) Rows(revealed bool) [][]string {
	rows := make([][]string, 0, len(r.Clients))
	for _, c := range r.Clients {
		row := []string{
			c.Client, c.Level, c.Label, strconv.Itoa(c.Score),
			strconv.FormatUint(c.QueriesHour, 10),
			strconv.FormatFloat(c.TimesMedian, 'f', 1, 64),
			strconv.FormatUint(c.C2Hits, 10),
			c.FirstSeen.UTC().Format(time.RFC3339), c.LastSeen.UTC().Format(time.RFC3339),
			c.sentences(),
		}
		if revealed {
			row = slices.Insert(row, 1, c.Address)
		}
		rows = append(rows, row)
	}
	return rows
}

// sentences are the strongest evidence of each kind (c2, rate): the weaker ones
// say the same of the same thing, and stand in the JSON.
func (c Client) sentences() string {
	var all []string
	said := map[string]bool{}
	for _, e := range c.Evidence {
		kind, _, _ := strings.Cut(e.Signal, "-")
		if !said[kind] {
			said[kind] = true
			all = append(all, e.Signal+": "+e.Text)
		}
	}
	return strings.Join(all, "; ")
}

// Identifiers are the clients of the report.
func (r *Report) Identifiers() []string {
	var ids []string
	for _, c := range r.Clients {
		ids = append(ids, c.Client)
	}
	return ids
}

// Reveal puts addresses, by identifier, into the report.
func (r *Report) Reveal(addresses map[string]string) {
	for i := range r.Clients {
		r.Clients[i].Address = addresses[r.Clients[i].Client]
	}
}
