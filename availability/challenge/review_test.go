package challenge_test

import (
	"bytes"
	"crypto/sha1"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// TestReadChecked: it says what Check says of what ReadAnswer read, whatever was damaged.
func TestReadChecked(t *testing.T) {
	each(t, func(t *testing.T, b *box, leaf challenge.Leaf) {
		targets := append(b.targets(), availability.Target{Piece: 1, Block: availability.Whole})
		c := b.challenge(leaf, targets)
		right := b.answer(t, c, b.give)
		random := rand.New(rand.NewPCG(1, 2))
		for i := range 40 {
			raw := bytes.Clone(right)
			if i > 0 {
				raw[random.IntN(len(raw))] ^= byte(1 << random.IntN(8))
			}
			if i%10 == 9 {
				raw = raw[:random.IntN(len(raw))]
			}
			got, err := challenge.ReadChecked(bytes.NewReader(raw), c, b.t, leaf, targets)
			a, want := challenge.ReadAnswer(bytes.NewReader(raw), c, b.t)
			if (err == nil) != (want == nil) {
				t.Fatalf("%v, %v", err, want)
			}
			if err == nil && !reflect.DeepEqual(got, challenge.Check(c, b.t, leaf, targets, a)) {
				t.Fatalf("%+v", got)
			}
		}
	})
}

// TestNoMoreIsAskedForThanDaemonsSend: whatever the parameters allow. What a daemon refused would count
// against it.
func TestNoMoreIsAskedForThanDaemonsSend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 96<<20); err != nil { // a sparse file
		t.Fatal(err)
	}
	raw, err := catalog.Create(t.Context(), path, catalog.CreateOptions{Version: catalog.V1, PieceLength: catalog.MaxPieceLength, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	torrent, err := catalog.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	var targets []availability.Target
	for i := range torrent.NumPieces() {
		targets = append(targets, availability.Target{Piece: i, Block: 3})
	}
	items, bytes := challenge.Ask(torrent, nil, targets, 1<<30, 100_000)
	if bytes > challenge.MaxBytes || bt.Bytes(len(items))*catalog.MaxPieceLength != challenge.MaxBytes {
		t.Errorf("%d items, %d bytes", len(items), bytes)
	}
}

// TestAHybridThatContradictsItselfTeachesNothing: its v1 hashes are of other data than its v2 hashes. Sums
// learned from one would convict those who have the other.
func TestAHybridThatContradictsItselfTeachesNothing(t *testing.T) {
	data := [2][]byte{bytes.Repeat([]byte("a"), 64<<10), bytes.Repeat([]byte("b"), 64<<10)}
	var raws [2][]byte
	for i, d := range data {
		path := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(path, d, 0o644); err != nil {
			t.Fatal(err)
		}
		raw, err := catalog.Create(t.Context(), path, catalog.CreateOptions{Version: catalog.Hybrid, PieceLength: 64 << 10, Private: true})
		if err != nil {
			t.Fatal(err)
		}
		raws[i] = raw
	}
	sums := [2]string{}
	for i := range data {
		sum := sha1.Sum(data[i])
		sums[i] = string(sum[:])
	}
	targets := []availability.Target{{Piece: 0, Block: availability.Whole}}
	c := challenge.Challenge{Items: []challenge.Item{{Whole: true}}}
	for i, want := range []int{0, 1} {
		torrent, err := catalog.Parse([]byte(strings.Replace(string(raws[i]), sums[i], sums[1], 1)))
		if err != nil {
			t.Fatal(err)
		}
		out := challenge.Check(c, torrent, nil, targets, challenge.Answer{Given: []challenge.Given{{Status: challenge.Sent, Data: data[1]}}})
		if len(out.Results) != 1 || out.Results[0].Verdict != availability.Passed || len(out.Learned) != want {
			t.Errorf("%d: %+v", i, out)
		}
	}
}

// TestAHybridThatContradictsItselfConvictsNobody: the first look at a block finds the v2 hash broken, the
// second the v1 hash of the piece right. Who has neither is found out both times.
func TestAHybridThatContradictsItselfConvictsNobody(t *testing.T) {
	v1, v2 := bytes.Repeat([]byte("a"), 64<<10), bytes.Repeat([]byte("b"), 64<<10)
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, v2, 0o644); err != nil {
		t.Fatal(err)
	}
	raw, err := catalog.Create(t.Context(), path, catalog.CreateOptions{Version: catalog.Hybrid, PieceLength: 64 << 10, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	right, wrong := sha1.Sum(v2), sha1.Sum(v1)
	torrent, err := catalog.Parse(bytes.Replace(raw, right[:], wrong[:], 1))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		data         []byte
		first, again availability.Verdict
	}{
		"v1":      {v1, availability.Corrupt, availability.Passed},
		"neither": {bytes.Repeat([]byte("c"), 64<<10), availability.Corrupt, availability.Corrupt},
	} {
		targets := []availability.Target{{Piece: 0, Block: 2}}
		items, _ := challenge.Ask(torrent, nil, targets, 1<<20, 4)
		wide, size := challenge.Widen(torrent, append(items, items...))
		if size != 64<<10 || len(wide) != 1 {
			t.Errorf("%+v, %d bytes", wide, size)
		}
		read := func(_ int, begin, n bt.Bytes) ([]byte, error) { return tt.data[begin : begin+n], nil }
		for i, ask := range [][]challenge.Item{items, wide} {
			c := challenge.Challenge{Items: ask}
			out := challenge.Check(c, torrent, nil, targets, challenge.Answer{Given: []challenge.Given{challenge.Give(torrent, ask[0], read)}})
			if want := [2]availability.Verdict{tt.first, tt.again}[i]; len(out.Results) != 1 || out.Results[0].Verdict != want || out.Results[0].Target != targets[0] {
				t.Errorf("%s, look %d: %+v", name, i+1, out.Results)
			}
		}
	}
}
