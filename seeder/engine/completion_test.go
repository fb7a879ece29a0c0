package engine

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	g "github.com/anacrolix/generics"
	"github.com/anacrolix/torrent/metainfo"
)

// TestDamagedCompletion: what a power failure leaves of the database of verified pieces is set aside; a
// sound one keeps what it says.
func TestDamagedCompletion(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	key := metainfo.PieceKey{InfoHash: metainfo.Hash{1}, Index: 7}
	for _, tt := range []struct {
		name  string
		spoil func(path string, size int64) error
		known bool
	}{
		{"sound", func(string, int64) error { return nil }, true},
		{"cut off", func(path string, size int64) error { return os.Truncate(path, size/2) }, false},
		{"cut off within a page", func(path string, _ int64) error { return os.Truncate(path, 5000) }, false},
		{"zeros", func(path string, size int64) error { return os.WriteFile(path, make([]byte, size), 0o600) }, false},
		{"text", func(path string, _ int64) error { return os.WriteFile(path, []byte("it works!"), 0o600) }, false},
		{"empty", func(path string, _ int64) error { return os.Truncate(path, 0) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			c, err := openCompletion(dir, log)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Set(key, g.Some(true)); err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, completionFile)
			st, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.spoil(path, st.Size()); err != nil {
				t.Fatal(err)
			}
			if c, err = openCompletion(dir, log); err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got, err := c.Get(key); err != nil || got.Complete != tt.known || got.Ok != tt.known {
				t.Errorf("%+v, %v; want %t", got, err, tt.known)
			}
		})
	}
}
