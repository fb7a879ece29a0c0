package seeder_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

func (a *api) challenges(w http.ResponseWriter, _ *http.Request) {
	open := []challenge.Challenge{}
	for _, c := range a.issued {
		if a.answers[c.ID] == nil {
			open = append(open, c, c) // delivered twice, answered once
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"challenges": open, "again_seconds": 0})
}

func (a *api) answer(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if a.answers[id] != nil {
		a.repeated++
	}
	a.answers[id], _ = io.ReadAll(r.Body)
	io.WriteString(w, `{"verdict":"passed"}`)
}

// folder is a torrent of several files in a format of its own.
type folder struct {
	content
	parent string // holds the folder
	layout *catalog.Torrent
}

func newFolder(t *testing.T, v catalog.Version, announce string) folder {
	t.Helper()
	parent := t.TempDir()
	name := fmt.Sprint("folder", v)
	random := rand.NewChaCha8([32]byte{byte(v)})
	for file, size := range map[string]int{"one": 200_000, "two": 70_000, "three": 1_000} {
		data := make([]byte, size)
		random.Read(data)
		path := filepath.Join(parent, name, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := catalog.Create(t.Context(), filepath.Join(parent, name), catalog.CreateOptions{Version: v, PieceLength: 64 << 10, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	raw = catalog.Personalise(raw, announce, "")
	layout, err := catalog.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return folder{content: content{name: name, torrent: raw, ih: layout.InfoHash}, parent: parent, layout: layout}
}

// layoutOf reads a test's torrent.
func layoutOf(t *testing.T, c content) *catalog.Torrent {
	t.Helper()
	layout, err := catalog.Parse(c.torrent)
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

// everyPiece asks for one block of each piece.
func everyPiece(layout *catalog.Torrent) (out []availability.Target) {
	for i := range layout.NumPieces() {
		out = append(out, availability.Target{Piece: i, Block: i})
	}
	return out
}

// issue puts a challenge about a torrent before node 7.
func (a *api) issue(id int64, layout *catalog.Torrent, leaf challenge.Leaf, targets []availability.Target) challenge.Challenge {
	c := challenge.Challenge{ID: id, Nonce: challenge.Nonce{byte(id)}, Node: 7, InfoHash: layout.InfoHash, Epoch: 5, Time: time.Minute}
	c.Items, c.Bytes = challenge.Ask(layout, leaf, targets, 1<<30, 4)
	a.set(func() { a.issued = append(a.issued, c) })
	return c
}

// outcome waits for an answer and checks it.
func (a *api) outcome(c challenge.Challenge, layout *catalog.Torrent, leaf challenge.Leaf, targets []availability.Target) availability.Outcome {
	a.t.Helper()
	var raw []byte
	eventually(a.t, "an answer", 10*time.Second, func() bool {
		a.set(func() { raw = a.answers[c.ID] })
		return raw != nil
	})
	answer, err := challenge.ReadAnswer(bytes.NewReader(raw), c, layout)
	if err != nil {
		a.t.Fatal(err)
	}
	return challenge.Check(c, layout, leaf, targets, answer)
}

func wantVerdict(t *testing.T, out availability.Outcome, want availability.Verdict, results int) {
	t.Helper()
	if len(out.Results) != results {
		t.Fatalf("%d results, want %d", len(out.Results), results)
	}
	for _, r := range out.Results {
		if r.Verdict != want {
			t.Errorf("%s: %s (%s), want %s", r.Target, r.Verdict, r.Reason, want)
		}
	}
}

func TestDaemonAnswersChallenges(t *testing.T) {
	tr := newTracker(t)
	for name, v := range map[string]catalog.Version{"v1": catalog.V1, "v2": catalog.V2, "hybrid": catalog.Hybrid} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t, v, tr.url())
			a := newAPI(t, f.content)
			targets := append(everyPiece(f.layout), availability.Target{Piece: 3, Block: availability.Whole})
			foreign := a.issue(1, f.layout, nil, targets)
			a.set(func() { a.issued[0].Node = 8 })
			// The folder is its own data directory: the daemon finds it verified.
			daemon(t, seeder.Config{StateDir: paired(t, a), DataDir: f.parent, ListenAddr: "127.0.0.3:0", Pinned: []string{f.ih.String()}})
			eventually(t, "hosts", 20*time.Second, func() bool {
				r, _ := a.last()
				return len(r.Claims) == 1 && r.Claims[0].Complete && r.Claims[0].Pieces == nil
			})
			c := a.issue(2, f.layout, nil, targets)
			wantVerdict(t, a.outcome(c, f.layout, nil, targets), availability.Passed, len(targets))

			other := newFolder(t, (v+1)%3, tr.url())
			c = a.issue(3, other.layout, nil, everyPiece(other.layout))
			wantVerdict(t, a.outcome(c, other.layout, nil, everyPiece(other.layout)), availability.Missing, other.layout.NumPieces())
			a.set(func() {
				if a.answers[foreign.ID] != nil || a.repeated > 0 {
					t.Errorf("answered another node's challenge, or one %d times too often", a.repeated)
				}
			})
		})
	}
}

// TestDamageShowsInAnswers: the daemon sends what is on its disk, and what is cut off is missing. Each
// challenge has a daemon of its own: what was cut off is no longer hosted soon.
func TestDamageShowsInAnswers(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		t.Run(fmt.Sprintf("leaves %t", leaves), func(t *testing.T) { damageShows(t, leaves) })
	}
}

func damageShows(t *testing.T, leaves bool) {
	tr := newTracker(t)
	c := newContent(t, "damage.bin", 1<<20, tr.url())
	layout, a, data := layoutOf(t, c), newAPI(t, c), c.dir(t)
	daemon(t, seeder.Config{StateDir: paired(t, a), DataDir: data, ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}, DiskEvery: time.Hour})
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
	flipByte(t, filepath.Join(data, c.name), c.data, 3*64<<10+5)
	if err := os.Truncate(filepath.Join(data, c.name), 10*64<<10); err != nil {
		t.Fatal(err)
	}
	targets := []availability.Target{{Piece: 2, Block: 1}, {Piece: 3, Block: 0}, {Piece: 3, Block: 1}, {Piece: 12, Block: 0}}
	want := []availability.Verdict{availability.Passed, availability.Corrupt, availability.Corrupt, availability.Missing}
	var leaf challenge.Leaf
	if leaves {
		want[2] = availability.Passed // its block is intact
		leaf = func(piece, block int) ([32]byte, bool) {
			at := piece*64<<10 + block*bt.BlockSize
			return sha256.Sum256(c.data[at : at+bt.BlockSize]), true
		}
	}
	out := a.outcome(a.issue(1, layout, leaf, targets), layout, leaf, targets)
	for i, r := range out.Results {
		if r.Verdict != want[i] {
			t.Errorf("%s: %s, want %s", r.Target, r.Verdict, want[i])
		}
	}
}

// TestAnswersUnderLoad: a node whose upload is full answers long before the upload is through.
func TestAnswersUnderLoad(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "busy.bin", testSize, tr.url())
	layout, a := layoutOf(t, c), newAPI(t, c)
	daemon(t, seeder.Config{StateDir: paired(t, a), DataDir: c.dir(t), ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}, UploadRate: 128 << 10})
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
	leecher, stop := start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: t.TempDir(), ListenAddr: "127.0.0.2:0"})
	eventually(t, "the upload has begun", 20*time.Second, func() bool { return leecher.Stats().Downloaded > 256<<10 })
	targets := everyPiece(layout)[:30]
	leaf := func(piece, block int) ([32]byte, bool) {
		at := piece*64<<10 + block*bt.BlockSize
		return sha256.Sum256(c.data[at : at+bt.BlockSize]), true
	}
	wantVerdict(t, a.outcome(a.issue(1, layout, leaf, targets), layout, leaf, targets), availability.Passed, 30)
	if left := stop().Left; left == 0 {
		t.Error("the upload ended before the answer came")
	}
}

func TestBitmapOfWhatIsThere(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "half.bin", 1<<20, tr.url())
	a, data := newAPI(t, c), t.TempDir()
	if err := os.WriteFile(filepath.Join(data, c.name), c.data[:5*64<<10], 0o644); err != nil {
		t.Fatal(err)
	}
	daemon(t, seeder.Config{StateDir: paired(t, a), DataDir: data, ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}})
	eventually(t, "reports the first five pieces", 20*time.Second, func() bool {
		r, _ := a.last()
		return len(r.Claims) == 1 && !r.Claims[0].Complete && r.Claims[0].Bytes == 5*64<<10 &&
			slices.Equal(r.Claims[0].Pieces, availability.Bitmap{0b11111000, 0})
	})
}

// TestWithdrawnStaysWhileRechecked: what was unpinned is shown until the server has let it go, also
// over a restart, and nothing of it is downloaded meanwhile.
func TestWithdrawnStaysWhileRechecked(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "recheck.bin", 1<<20, tr.url())
	layout, a, state := layoutOf(t, c), newAPI(t, c), ""
	state = paired(t, a)
	cfg := seeder.Config{StateDir: state, DataDir: c.dir(t), ListenAddr: freePort(t, "127.0.0.3")}
	if _, err := seeder.Pin(state, c.ih); err != nil {
		t.Fatal(err)
	}
	_, stop := daemon(t, cfg)
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
	a.set(func() { a.rechecking = []string{c.ih.String()} })
	if _, err := seeder.Unpin(state, c.ih); err != nil {
		t.Fatal(err)
	}
	withdrawn := func() bool { r, n := a.last(); return n > 0 && len(r.Claims) == 0 }
	eventually(t, "withdrawn", 10*time.Second, withdrawn)
	targets := everyPiece(layout)[:4]
	wantVerdict(t, a.outcome(a.issue(1, layout, nil, targets), layout, nil, targets), availability.Passed, 4)
	if len(tr.of("127.0.0.3", "stopped")) != 0 {
		t.Error("stopped while it is looked at once more")
	}
	stop()

	a.set(func() { a.reports = nil })
	daemon(t, cfg)
	eventually(t, "still withdrawn after a restart", 10*time.Second, withdrawn)
	wantVerdict(t, a.outcome(a.issue(2, layout, nil, targets), layout, nil, targets), availability.Passed, 4)

	if _, err := seeder.Pin(state, c.ih); err != nil { // minds change
		t.Fatal(err)
	}
	eventually(t, "hosts again", 10*time.Second, hosting(a, c))
	if _, err := seeder.Unpin(state, c.ih); err != nil {
		t.Fatal(err)
	}
	eventually(t, "withdrawn again", 10*time.Second, withdrawn)
	a.set(func() { a.rechecking = nil })
	eventually(t, "gone", 10*time.Second, func() bool { return len(tr.of("127.0.0.3", "stopped")) == 2 })
	wantVerdict(t, a.outcome(a.issue(3, layout, nil, targets), layout, nil, targets), availability.Missing, 4)
	c.checkIn(t, cfg.DataDir)
}
