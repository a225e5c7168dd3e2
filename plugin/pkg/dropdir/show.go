package dropdir

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

const (
	// maxTold is how many files Warnings names; of more it says how many.
	maxTold = 20

	// restlessAfter is when a file that keeps changing is worth a warning.
	restlessAfter = time.Minute
)

// show makes the state of things visible to others, and tells Changed of each
// file that is not as it was. That the folder is away is not news of each file.
func (f *Folder) show() {
	now := &shown{}
	for _, e := range f.sorted() {
		if file, ok := f.fileOf(e); ok {
			now.files = append(now.files, file)
		}
	}
	now.warnings = append(f.folderWarnings(), f.fileWarnings(now.files)...)
	f.shown.Store(now)
	if f.o.Changed == nil || f.last.err != nil {
		return
	}
	for _, file := range differences(f.told, now.files) {
		f.o.Changed(file)
	}
	f.told = now.files
}

// fileOf is what others see of an entry; one that was never read is not seen.
func (f *Folder) fileOf(e *entry) (File, bool) {
	n := e.newest
	file := File{Name: e.name, Entries: n.entries, SHA256: n.sum, Time: n.time, Reason: n.why, Err: n.err, Detail: n.detail}
	switch {
	case f.last.err != nil:
		file.Reason, file.Err = "the folder "+f.awayText(), f.last.err
	case e.next != nil && f.applyErr != nil:
		file.Reason, file.Err = "accepted, and not put in force: "+f.applyErr.Error(), f.applyErr
	}
	if e.force == nil {
		file.State = Refused
		return file, file.Reason != ""
	}
	v := f.inSet(e)
	file.Entries, file.SHA256, file.Time = v.Entries, v.SHA256, v.Time
	if e.lapsed {
		file.State, file.Err = Refused, ErrLapsed
		file.Reason = strings.TrimPrefix(file.Reason+"; "+f.lapsedText(v), "; ")
		return file, true
	}
	file.InForce = &v
	file.State = InForce
	if v.LastGood {
		file.State = LastGood
	}
	if v.LastGood && file.Reason == "" { // of the state, and never seen here
		file.Reason = f.last.unseenText(e.name)
	}
	return file, true
}

// lapsedText says why a version does not count any more.
func (f *Folder) lapsedText(v Version) string {
	return fmt.Sprintf("not renewed since %s, and it expires after %s: none of its %s is in force until it is",
		v.Time.UTC().Format("2006-01-02 15:04"), f.o.Expires(v.Detail), entriesText(v.Entries))
}

// awayText says why the folder is not followed, in words that fit behind it.
func (f *Folder) awayText() string {
	switch {
	case errors.Is(f.last.err, errEmptied):
		return errEmptied.Error()
	case errors.Is(f.last.err, fs.ErrNotExist):
		return "is not there"
	}
	return "cannot be read: " + cause(f.last.err)
}

// folderWarnings are about the folder as a whole.
func (f *Folder) folderWarnings() (all []string) {
	tell := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	dir := Printable(f.o.Dir)
	if f.last.err != nil {
		tell("%s: %s; want a folder; %s", dir, f.awayText(), f.staying())
	}
	for _, rel := range slices.Sorted(maps.Keys(f.last.blind)) {
		if rel != "." {
			tell("%s/%s: %s; what was in force from there stays", dir, Printable(rel), blindText(f.last.blind[rel]))
		}
	}
	if f.last.over {
		tell("%s: more than %d files and folders; not all are looked at, and none is taken away", dir, maxSeen)
	}
	if f.applyErr != nil {
		tell("%s: what changed is not in force: %v; what was before is", dir, f.applyErr)
	}
	if f.indexErr != nil {
		tell("%s: the index of last good versions could not be read at the start: %s; they are lost, what the folder holds is in force", Printable(f.o.State), cause(f.indexErr))
	}
	if f.stateErr != nil {
		tell("%s: last good versions cannot be kept: %s; what came without a copy is in force until the server stops", Printable(f.o.State), cause(f.stateErr))
	}
	all = append(all, f.copyWarnings()...)
	if f.watchErr != nil {
		tell("%s: changes are found by a look every %s only: %v", dir, walkEvery, f.watchErr)
	}
	return all
}

func blindText(err error) string {
	if errors.Is(err, errDeep) {
		return err.Error()
	}
	return "cannot be read: " + cause(err)
}

// unseenText says why there is nothing to say of a file itself.
func (w *walked) unseenText(name string) string {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if err := w.blind[dir]; err != nil {
			return "its folder " + blindText(err)
		}
	}
	return "not looked at"
}

// staying says what is in force while the folder is away.
func (f *Folder) staying() string {
	files, entries := 0, 0
	for _, e := range f.entries {
		if e.force != nil {
			files++
			entries += e.force.Entries
		}
	}
	if files == 0 {
		return "nothing is in force"
	}
	return fmt.Sprintf("the last good versions of %d files with %d entries stay in force", files, entries)
}

// copyWarnings are about copies that do not hold what was put into them: a disk
// that fails, or a hand in the state.
func (f *Folder) copyWarnings() (all []string) {
	for _, e := range f.sorted() {
		if e.broken != "" {
			all = append(all, fmt.Sprintf("%s: %v; %s", Printable(e.name), errCopy, e.broken))
		}
	}
	return few(all)
}

// few cuts warnings after maxTold.
func few(all []string) []string {
	if more := len(all) - maxTold; more > 0 {
		all = append(all[:maxTold], fmt.Sprintf("and %d more files like these", more))
	}
	return all
}

// fileWarnings are about single files. While the folder is away, it is the one
// thing to say.
func (f *Folder) fileWarnings(files []File) (all []string) {
	if f.last.err != nil {
		return nil
	}
	for _, file := range files {
		if file.State != InForce {
			all = append(all, Printable(file.Name)+": "+file.String())
		}
	}
	for _, e := range f.sorted() {
		if f.unread(e) && !e.first.IsZero() && e.since.Sub(e.first) > restlessAfter {
			all = append(all, fmt.Sprintf("%s: has been changing for %s; it is read once it rests for %s",
				Printable(e.name), e.since.Sub(e.first).Round(time.Second), f.o.Settle))
		}
	}
	return few(all)
}

// String says in words that fit behind the file's name what became of it.
func (f File) String() string {
	switch f.State {
	case InForce:
		return "in force with " + entriesText(f.Entries)
	case LastGood:
		return fmt.Sprintf("%s; the version of %s with %s stays in force",
			f.Reason, f.Time.UTC().Format("2006-01-02 15:04"), entriesText(f.Entries))
	case Refused:
		return "refused: " + f.Reason
	}
	return "gone, and its entries with it"
}

// Label is the word that metrics have for an error.
type Label struct {
	Err  error
	Word string
}

// Refusal is the label of why the newest version is not in force: the first of
// labels that it is, of what is refused here, or "other".
func (f File) Refusal(labels []Label) string {
	ours := []Label{{ErrHeld, "shrink"}, {ErrLapsed, "expired"}, {ErrSerial, "serial"}, {ErrSignature, "signature"}, {ErrSize, "size"}}
	for _, l := range slices.Concat(ours, labels) {
		if errors.Is(f.Err, l.Err) {
			return l.Word
		}
	}
	return "other"
}

func entriesText(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// differences are the files of now that are not as before, and those that are
// gone, with no State.
func differences(before, now []File) (all []File) {
	was := make(map[string]File, len(before))
	for _, f := range before {
		was[f.Name] = f
	}
	for _, f := range now {
		if w, ok := was[f.Name]; !ok || w.State != f.State || w.SHA256 != f.SHA256 || w.Reason != f.Reason {
			all = append(all, f)
		}
		delete(was, f.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		all = append(all, File{Name: name, Detail: was[name].Detail})
	}
	return all
}
