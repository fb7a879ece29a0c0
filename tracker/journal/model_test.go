//go:build unix

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// platter is a disk that remembers what was flushed, so that a test can cut the power. It keeps old
// contents in emptied files.
type platter struct {
	files  map[uint64][]byte // by inode: what a power cut leaves
	broken error             // what syncing says
}

func inode(t failer, path string) uint64 {
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func (p *platter) disk(t *rapid.T) disk {
	return disk{
		blank: func(f *os.File, size int64) error {
			if err := f.Truncate(size); err != nil {
				return err
			}
			b, err := os.ReadFile(f.Name())
			clear(b[:min(headerBytes, len(b))]) // about to be written and synced
			p.files[inode(t, f.Name())] = b
			return err
		},
		flush: func(s *segment, from, to int) error {
			if p.broken != nil {
				return p.broken
			}
			from &^= headerBytes - 1
			copy(p.files[inode(t, s.path)][from:], s.mem[from:to])
			return nil
		},
		sync: noSync,
	}
}

// learn takes everything in a folder for durable.
func (p *platter) learn(t *rapid.T, dir string) {
	p.files = map[uint64][]byte{}
	for _, n := range ls(t, dir) {
		path := filepath.Join(dir, n)
		p.files[inode(t, path)] = mustRead(t, path)
	}
}

// cut copies a folder as a power cut leaves it: of each page that was not flushed, the old or the
// new contents.
func (p *platter) cut(t *rapid.T, from, to string) {
	for _, n := range ls(t, from) {
		b := mustRead(t, filepath.Join(from, n))
		if _, ok := firstOf(n); ok {
			p.tear(t, b, p.files[inode(t, filepath.Join(from, n))])
		}
		if err := os.WriteFile(filepath.Join(to, n), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *platter) tear(t *rapid.T, b, durable []byte) {
	for at := 0; at < len(b); at += headerBytes {
		from := max(at, sealAt) // the header before the seal is durable before the file has its name
		page, old := b[from:at+headerBytes], durable[from:at+headerBytes]
		if !slices.Equal(page, old) && rapid.Bool().Draw(t, "lost") {
			copy(page, old)
		}
	}
}

// model is the plain reference: a list of records.
type model struct {
	parent  string
	dirs    int
	dir     string
	j       *Journal
	p       *platter
	recs    []record // all that may still come back
	synced  int      // of them, so many must come back after a power cut
	below   int64    // released
	highest int64    // of all positions ever given, lost ones too, or skipped to
}

func (m *model) open(t *rapid.T) {
	j, err := open(m.dir, small, m.p.disk(t))
	if err != nil {
		t.Fatal(err)
	}
	m.j = j
	m.p.learn(t, m.dir)
}

// reopen opens the folder and compares; at least the first whole records must be there.
func (m *model) reopen(t *rapid.T, whole int) {
	m.open(t)
	got, err := replayed(m.j, 0)
	if err != nil {
		t.Fatal(err)
	}
	kept, _ := slices.BinarySearchFunc(m.recs, m.below, func(r record, pos int64) int { return int(r.pos - pos) })
	from := kept // released records may be there or not
	if len(got) > 0 {
		from = slices.Index(m.recs, got[0])
	}
	to := from + len(got)
	if from < 0 || from > kept || to > len(m.recs) || to < whole || !slices.Equal(got, m.recs[from:to]) {
		t.Fatalf("replay gave records %d to %d of %d, wanted at least %d to %d", from, to, len(m.recs), kept, whole)
	}
	m.recs = m.recs[:to]
	m.synced = to
	if m.j.Next() <= m.highest {
		t.Fatalf("the next position is %d, but %d was given before", m.j.Next(), m.highest)
	}
}

// move closes the folder and goes on with a copy of it.
func (m *model) move(t *rapid.T, copy func(from, to string)) {
	m.dirs++
	to := filepath.Join(m.parent, strconv.Itoa(m.dirs))
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	copy(m.dir, to)
	m.j.Close()
	os.RemoveAll(m.dir)
	m.dir = to
}

func (m *model) append(t *rapid.T, rec string) bool {
	next := m.j.Next()
	pos, err := m.j.Append([]byte(rec))
	if errors.Is(err, ErrFull) {
		if got := m.j.Next(); got != next {
			t.Fatalf("a refused record moved the next position from %d to %d", next, got)
		}
		return false
	}
	if err != nil || pos != next || pos <= m.highest {
		t.Fatalf("append at %d: %v; wanted %d, highest %d", pos, err, next, m.highest)
	}
	m.highest = pos
	m.recs = append(m.recs, record{pos, rec})
	return true
}

func (m *model) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"append": func(t *rapid.T) {
			size := rapid.OneOf(rapid.IntRange(1, 200), rapid.Just(MaxRecord)).Draw(t, "size")
			for range rapid.IntRange(1, 60).Draw(t, "n") {
				if !m.append(t, numbered(m.dirs+1, size)[m.dirs][:size]) {
					m.j.Release(m.j.Next())
					m.below = m.j.Next()
					if !m.append(t, "after full") {
						t.Fatal("still full after everything was released")
					}
					return
				}
			}
		},
		"sync": func(t *rapid.T) {
			if err := m.j.Sync(); err != nil {
				t.Fatal(err)
			}
			m.synced = len(m.recs)
		},
		"failing sync": func(t *rapid.T) {
			m.p.broken = errors.New("no such platter")
			err := m.j.Sync()
			if len(m.recs) > m.synced && !errors.Is(err, m.p.broken) {
				t.Fatalf("a failed sync says %v", err)
			}
			m.p.broken = nil
		},
		"prepare": func(t *rapid.T) { m.j.ahead() },
		"release": func(t *rapid.T) {
			if len(m.recs) > 0 {
				m.below = max(m.below, rapid.SampledFrom(m.recs).Draw(t, "below").pos)
				m.j.Release(m.below)
			}
		},
		"skip": func(t *rapid.T) {
			pos := m.j.Next() + rapid.Int64Range(-100, 3*MinSegmentBytes).Draw(t, "by")
			if err := m.j.SkipTo(pos); errors.Is(err, ErrFull) {
				return
			} else if err != nil || m.j.Next() < pos {
				t.Fatalf("skipped to %d: %v; the next is %d", pos, err, m.j.Next())
			}
			m.highest = max(m.highest, pos-1)
		},
		"close": func(t *rapid.T) {
			if err := m.j.Close(); err != nil {
				t.Fatal(err)
			}
			m.reopen(t, len(m.recs))
		},
		"kill": func(t *rapid.T) {
			m.move(t, func(from, to string) { copyDir(t, from, to) })
			m.reopen(t, len(m.recs))
		},
		"power cut": func(t *rapid.T) {
			m.move(t, func(from, to string) { m.p.cut(t, from, to) })
			m.reopen(t, m.synced)
		},
		"power cut, then a crash while opening": func(t *rapid.T) {
			m.move(t, func(from, to string) { m.p.cut(t, from, to) })
			d, left := m.p.disk(t), rapid.IntRange(0, 5).Draw(t, "syncs")
			d.sync = func(*os.File) error {
				left--
				if left < 0 {
					return errors.New("killed")
				}
				return nil
			}
			if j, err := open(m.dir, small, d); err == nil {
				m.j = j
				m.move(t, func(from, to string) { copyDir(t, from, to) })
			}
			m.reopen(t, m.synced)
		},
	}
}

// TestModel holds the journal to its promises through any order of appends, syncs, releases, skips,
// clean ends, kills and power cuts.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parent, err := os.MkdirTemp("", "journal")
		if err != nil {
			t.Fatal(err)
		}
		m := &model{parent: parent, dir: filepath.Join(parent, "0"), p: &platter{}}
		t.Cleanup(func() {
			m.j.Close()
			os.RemoveAll(parent)
		})
		m.p.files = map[uint64][]byte{}
		m.open(t)
		t.Repeat(m.actions())
	})
}
