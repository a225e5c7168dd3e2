package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// seed makes every run ask the same questions in the same order.
const seed = 8

// readNames reads at most n names, one a line, from a list that may be packed;
// where it is missing, names are made up.
func readNames(list string, n int) (names []string, origin string, err error) {
	f, err := os.Open(list)
	if list == "" || errors.Is(err, fs.ErrNotExist) {
		return madeUp(n), "made up, 20 characters long on average", nil
	}
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	if strings.HasSuffix(list, ".zst") {
		unpacked, err := zstd.NewReader(f)
		if err != nil {
			return nil, "", err
		}
		defer unpacked.Close()
		lines = bufio.NewScanner(unpacked)
	}
	for len(names) < n && lines.Scan() {
		if name := strings.TrimSpace(lines.Text()); name != "" && name[0] != '#' {
			names = append(names, name)
		}
	}
	return names, "real ones, drawn from published lists", lines.Err()
}

// alike are n names: the given ones, and as many more made of their parts, so that
// letters, lengths and depths stay as they are.
func alike(names []string, n int) []string {
	all := append(make([]string, 0, n), names...)
	known := make(map[string]bool, n)
	for _, name := range names {
		known[name] = true
	}
	for r := rand.New(rand.NewPCG(seed, 4)); len(all) < n; {
		name := cross(names[r.IntN(len(names))], names[r.IntN(len(names))])
		for known[name] { // of short names there are few
			name = letters(r, 1) + name
		}
		known[name] = true
		all = append(all, name)
	}
	return all
}

// cross gives the label before the last of one name the second half of another's.
func cross(a, b string) string {
	la, lb := strings.Split(a, "."), strings.Split(b, ".")
	i, j := max(0, len(la)-2), max(0, len(lb)-2)
	if joined := la[i][:(len(la[i])+1)/2] + lb[j][len(lb[j])/2:]; len(joined) < 60 {
		la[i] = joined
	}
	return strings.Join(la, ".")
}

// madeUp are n names below .example of two or three labels.
func madeUp(n int) []string {
	r := rand.New(rand.NewPCG(seed, 1))
	names := make([]string, n)
	for i := range names {
		if i%2 == 0 {
			names[i] = fmt.Sprintf("%07x.%s.example", i, letters(r, 3))
		} else {
			names[i] = fmt.Sprintf("%s%07x.example", letters(r, 6), i)
		}
	}
	return names
}

func letters(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}

// cachedName is the i-th name that the authority knows.
func cachedName(i int) string { return fmt.Sprintf("host%06d.bench.example", i) }

// writeLines writes a file of n lines.
func writeLines(path string, n int, line func(i int) string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i := range n {
		w.WriteString(line(i))
		w.WriteByte('\n')
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// writeListed writes questions for listed names, each once before any comes
// again, so that look-ups find cold memory.
func writeListed(path string, names []string, n int) error {
	order := rand.New(rand.NewPCG(seed, 2)).Perm(len(names))
	return writeLines(path, n, func(i int) string { return names[order[i%len(order)]] + " A" })
}

// writeCached writes questions for names that are in the cache, a few of them
// much more often than the rest (Zipf, exponent 1.1).
func writeCached(path string, cached, n int) error {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(seed, 3)), 1.1, 1, uint64(cached-1))
	return writeLines(path, n, func(int) string { return cachedName(int(zipf.Uint64())) + " A" })
}
