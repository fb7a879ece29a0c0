package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/anacrolix/torrent/storage"
)

const (
	// completionFile is what the library calls its database.
	completionFile = ".torrent.bolt.db"
	// damagedSuffix is for one that a power failure left unusable.
	damagedSuffix = ".damaged"
)

// openCompletion opens the database of verified pieces. The library does not sync it, so that a power
// failure may leave it cut off, and a mapped file that is cut off kills the process at its first look
// (SIGBUS). Such a file is set aside: without it all data is hashed again.
func openCompletion(dir string, log *slog.Logger) (storage.PieceCompletion, error) {
	path := filepath.Join(dir, completionFile)
	if whole, err := boltIsWhole(path); err != nil {
		return nil, fmt.Errorf("looking at the database of verified pieces: %w", err)
	} else if !whole {
		log.Warn("the database of verified pieces is damaged; all data is hashed again", "kept_as", path+damagedSuffix)
		if err := os.Rename(path, path+damagedSuffix); err != nil {
			return nil, fmt.Errorf("setting the damaged database of verified pieces aside: %w", err)
		}
	}
	c, err := storage.NewBoltPieceCompletion(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the database of verified pieces in %s (is another daemon using this folder?): %w", dir, err)
	}
	return c, nil
}

// boltMeta is one of the two heads of a Bolt file (go.etcd.io/bbolt, db.go: meta, after a page's header
// of 16 bytes), in the byte order of all systems that the daemon is built for.
type boltMeta struct {
	pageSize uint32
	pages    uint64 // in use
	tx       uint64
}

const (
	boltMagic    = 0xED0CDAED
	boltVersion  = 2
	boltMetaSize = 80
	maxBoltPage  = 1 << 16
)

// boltIsWhole reports whether a file is absent, empty, or has a head and all pages that the newest head
// speaks of.
func boltIsWhole(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.Size() == 0 {
		return st != nil && err == nil, err
	}
	first, ok := readBoltMeta(f, 0)
	size := int64(os.Getpagesize())
	if ok {
		size = int64(first.pageSize)
	}
	second, ok2 := readBoltMeta(f, size)
	if !ok && !ok2 {
		return false, nil
	}
	if newest := second; ok2 && (!ok || newest.tx > first.tx) {
		first = newest
	}
	return first.pages <= uint64(st.Size())/uint64(first.pageSize), nil
}

// readBoltMeta reads a head; false: there is none that is right.
func readBoltMeta(r io.ReaderAt, at int64) (m boltMeta, ok bool) {
	var b [boltMetaSize]byte
	if _, err := r.ReadAt(b[:], at); err != nil {
		return m, false
	}
	le := binary.LittleEndian
	sum := fnv.New64a()
	sum.Write(b[16:72])
	m = boltMeta{pageSize: le.Uint32(b[24:]), pages: le.Uint64(b[56:]), tx: le.Uint64(b[64:])}
	ok = le.Uint32(b[16:]) == boltMagic && le.Uint32(b[20:]) == boltVersion && le.Uint64(b[72:]) == sum.Sum64()
	return m, ok && m.pageSize > 0 && m.pageSize <= maxBoltPage
}
