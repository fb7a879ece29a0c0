package challenge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/iotest"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// box is a torrent with the files it was made from.
type box struct {
	t     *catalog.Torrent
	files map[string][]byte
}

const pieceLength = 64 << 10

// newBox makes a folder of files that end in the middle of pieces and blocks.
func newBox(tb testing.TB, v catalog.Version) *box {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "box")
	b := &box{files: map[string][]byte{}}
	random := rand.NewChaCha8([32]byte{byte(v)})
	for name, size := range map[string]int{"a": 3*pieceLength + 20_000, "b": 5_000, "c": 2 * pieceLength, "d": 40_000} {
		data := make([]byte, size)
		random.Read(data)
		b.files[name] = data
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name), data, 0o644)); err != nil {
			tb.Fatal(err)
		}
	}
	raw, err := catalog.Create(context.Background(), dir, catalog.CreateOptions{Version: v, PieceLength: pieceLength, Private: true})
	if err != nil {
		tb.Fatal(err)
	}
	if b.t, err = catalog.Parse(raw); err != nil {
		tb.Fatal(err)
	}
	return b
}

// read reads a piece as it travels: files one after the other, with padding where the torrent has it.
func (b *box) read(piece int, begin, length bt.Bytes) ([]byte, error) {
	var all []byte
	for _, f := range b.t.Files {
		if !b.t.HasV1 { // each file begins a piece
			all = append(all, make([]byte, (pieceLength-len(all)%pieceLength)%pieceLength)...)
		}
		if f.Pad {
			all = append(all, make([]byte, f.Size)...)
		} else {
			all = append(all, b.files[f.Path[0]]...)
		}
	}
	from := bt.Bytes(piece)*pieceLength + begin
	if from+length > bt.Bytes(len(all)) {
		return nil, io.ErrUnexpectedEOF
	}
	return bytes.Clone(all[from : from+length]), nil
}

var nothing challenge.Leaf // nothing is learned

// manifest knows the sums of all blocks.
func (b *box) manifest(piece, block int) ([32]byte, bool) {
	data, err := b.read(piece, bt.Bytes(block)*bt.BlockSize, b.t.BlockSize(piece, block))
	return sha256.Sum256(data), err == nil
}

// targets asks for one drawn block of each piece.
func (b *box) targets() (out []availability.Target) {
	for i := range b.t.NumPieces() {
		out = append(out, availability.Target{Piece: i, Block: (7*i + 3) % (pieceLength / bt.BlockSize)})
	}
	return out
}

func (b *box) challenge(leaf challenge.Leaf, targets []availability.Target) challenge.Challenge {
	c := challenge.Challenge{ID: 9, Nonce: challenge.Nonce{1, 2, 3}, Node: 4, InfoHash: b.t.InfoHash, Epoch: 77, Time: 30 * time.Second}
	c.Items, c.Bytes = challenge.Ask(b.t, leaf, targets, 1<<30, 1)
	return c
}

func (b *box) give(it challenge.Item) challenge.Given { return challenge.Give(b.t, it, b.read) }

func (b *box) answer(tb testing.TB, c challenge.Challenge, give func(challenge.Item) challenge.Given) []byte {
	tb.Helper()
	var w bytes.Buffer
	if err := challenge.WriteAnswer(&w, c, b.t, give); err != nil {
		tb.Fatal(err)
	}
	return w.Bytes()
}

func (b *box) check(tb testing.TB, c challenge.Challenge, leaf challenge.Leaf, targets []availability.Target, raw []byte) availability.Outcome {
	tb.Helper()
	a, err := challenge.ReadAnswer(bytes.NewReader(raw), c, b.t)
	if err != nil {
		tb.Fatal(err)
	}
	return challenge.Check(c, b.t, leaf, targets, a)
}

// each runs a test for every kind of torrent, with and without a learned manifest.
func each(t *testing.T, test func(t *testing.T, b *box, leaf challenge.Leaf)) {
	for name, v := range map[string]catalog.Version{"v1": catalog.V1, "v2": catalog.V2, "hybrid": catalog.Hybrid} {
		b := newBox(t, v)
		t.Run(name+" unlearned", func(t *testing.T) { test(t, b, nothing) })
		t.Run(name+" learned", func(t *testing.T) { test(t, b, b.manifest) })
	}
}

func TestRightAnswersPass(t *testing.T) {
	each(t, func(t *testing.T, b *box, leaf challenge.Leaf) {
		targets := append(b.targets(), availability.Target{Piece: 0, Block: availability.Whole}, availability.Target{Piece: 3, Block: availability.Whole}) // 3 is padded in a hybrid
		c := b.challenge(leaf, targets)
		raw := b.answer(t, c, b.give)
		if int64(len(raw)) != challenge.AnswerSize(c, b.t) {
			t.Errorf("the answer has %d bytes, announced were %d", len(raw), challenge.AnswerSize(c, b.t))
		}
		out := b.check(t, c, leaf, targets, raw)
		if len(out.Results) != len(targets) || out.Bytes != c.Bytes || out.Bytes == 0 {
			t.Fatalf("%d results for %d targets, %d bytes of %d", len(out.Results), len(targets), out.Bytes, c.Bytes)
		}
		for i, r := range out.Results {
			if r.Verdict != availability.Passed || r.Target != targets[i] || len(r.Want) == 0 || !bytes.Equal(r.Want, r.Got) {
				t.Errorf("%+v", r)
			}
		}
		for _, l := range out.Learned {
			for block, sum := range l.Sums {
				if want, _ := b.manifest(l.Piece, block); sum != want {
					t.Errorf("learned a wrong sum for block %d of piece %d", block, l.Piece)
				}
			}
		}
		if known := leaf != nil; known != (len(out.Learned) == 0) {
			t.Errorf("known before: %v, learned %d pieces", known, len(out.Learned))
		}
	})
}

func TestJSON(t *testing.T) {
	b := newBox(t, catalog.V2)
	c := b.challenge(nothing, b.targets())
	c.Deadline = time.Unix(1_700_000_000, 0).UTC()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back challenge.Challenge
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, c) {
		t.Errorf("%v\n%+v\n%+v\n%s", err, back, c, text)
	}
	for _, bad := range []string{`{}`, `{"nonce":"00"}`, `{"infohash":"x"}`, `{"infohash":"` + c.InfoHash.String() + `","time_ms":-1}`, `{"infohash":"` + c.InfoHash.String() + `","nonce":"zz"}`} {
		if json.Unmarshal([]byte(bad), &back) == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// TestWholePiecesAreBounded: what cannot be asked for within the limits is left out, and has no
// result.
func TestWholePiecesAreBounded(t *testing.T) {
	b := newBox(t, catalog.V1)
	for _, tc := range []struct {
		name      string
		maxBytes  bt.Bytes
		maxPieces int
		want      int
	}{
		{"pieces", 0, 2, 2},
		{"bytes, if more", 3 * pieceLength, 1, 3},
		{"everything", 1 << 30, 1, b.t.NumPieces()},
	} {
		items, n := challenge.Ask(b.t, nothing, b.targets(), tc.maxBytes, tc.maxPieces)
		if len(items) != tc.want || n > max(tc.maxBytes, bt.Bytes(tc.maxPieces)*pieceLength) {
			t.Errorf("%s: %d items of %d bytes, want %d items", tc.name, len(items), n, tc.want)
		}
	}
	c := b.challenge(nothing, nil)
	c.Items, c.Bytes = challenge.Ask(b.t, nothing, b.targets(), 0, 2)
	if out := b.check(t, c, nothing, b.targets(), b.answer(t, c, b.give)); len(out.Results) != 2 {
		t.Errorf("%d results, want those of the 2 pieces asked for", len(out.Results))
	}
	if late := challenge.Late(c, b.t, b.targets()); len(late.Results) != 2 || late.Results[0].Verdict != availability.Late {
		t.Errorf("late: %+v", late.Results)
	}
	if items, _ := challenge.Ask(b.t, nothing, []availability.Target{{Piece: -1}, {Piece: 1 << 30}}, 1<<30, 9); len(items) != 0 {
		t.Errorf("asked for pieces that do not exist: %v", items)
	}
}

// TestVerdicts: what is wrong with one item shows in its result, and only there.
func TestVerdicts(t *testing.T) {
	const bad = 2 // the item
	each(t, func(t *testing.T, b *box, leaf challenge.Leaf) {
		targets := b.targets()
		c := b.challenge(leaf, targets)
		other := challenge.Give(b.t, challenge.Item{Piece: 1, Block: c.Items[bad].Block, Whole: c.Items[bad].Whole}, b.read)
		cases := map[string]struct {
			want  availability.Verdict
			spoil func(g challenge.Given) challenge.Given
		}{
			"altered":       {availability.Corrupt, func(g challenge.Given) challenge.Given { g.Data[77] ^= 1; return g }},
			"zeros":         {availability.Corrupt, func(g challenge.Given) challenge.Given { clear(g.Data); return g }},
			"lacks it":      {availability.Missing, func(challenge.Given) challenge.Given { return challenge.Given{Status: challenge.Missing} }},
			"refuses":       {availability.Refused, func(challenge.Given) challenge.Given { return challenge.Given{Status: challenge.Refused} }},
			"another piece": {availability.Corrupt, func(challenge.Given) challenge.Given { return other }},
		}
		if b.t.HasV2 && leaf == nil {
			cases["path of another block"] = struct {
				want  availability.Verdict
				spoil func(g challenge.Given) challenge.Given
			}{availability.Corrupt, func(g challenge.Given) challenge.Given {
				next := challenge.Item{Piece: c.Items[bad].Piece, Block: c.Items[bad].Block ^ 1}
				g.Path = challenge.Give(b.t, next, b.read).Path
				return g
			}}
		}
		for name, tc := range cases {
			n := -1
			raw := b.answer(t, c, func(it challenge.Item) challenge.Given {
				g := b.give(it)
				if n++; n == bad {
					g = tc.spoil(g)
				}
				return g
			})
			for i, r := range b.check(t, c, leaf, targets, raw).Results {
				switch want := tc.want; {
				case i != bad && r.Verdict != availability.Passed:
					t.Errorf("%s: item %d is %s too: %s", name, i, r.Verdict, r.Reason)
				case i == bad && r.Verdict != want:
					t.Errorf("%s: %s, want %s", name, r.Verdict, want)
				case i == bad && want == availability.Corrupt && (len(r.Want) == 0 || len(r.Got) != len(r.Want) || bytes.Equal(r.Want, r.Got)):
					t.Errorf("%s: no evidence: %+v", name, r)
				}
			}
		}
	})
}

// TestOthersAnswers: an answer to anything else is none.
func TestOthersAnswers(t *testing.T) {
	b := newBox(t, catalog.Hybrid)
	c := b.challenge(nothing, b.targets())
	for name, change := range map[string]func(c *challenge.Challenge){
		"wrong nonce":   func(c *challenge.Challenge) { c.Nonce[31] ^= 1 },
		"another node":  func(c *challenge.Challenge) { c.Node++ },
		"another epoch": func(c *challenge.Challenge) { c.Epoch-- },
		"wrong torrent": func(c *challenge.Challenge) { c.InfoHash[0] ^= 1 },
		"fewer items":   func(c *challenge.Challenge) { c.Items = c.Items[1:] },
	} {
		d := c
		change(&d)
		if _, err := challenge.ReadAnswer(bytes.NewReader(b.answer(t, d, b.give)), c, b.t); !errors.Is(err, challenge.ErrOther) {
			t.Errorf("%s: %v", name, err)
		}
	}
	raw := b.answer(t, c, b.give)
	for _, n := range []int{0, 3, 75, 76, 77, 20_000, len(raw) - 1} {
		if _, err := challenge.ReadAnswer(bytes.NewReader(raw[:n]), c, b.t); !errors.Is(err, challenge.ErrTruncated) {
			t.Errorf("cut off after %d bytes: %v", n, err)
		}
	}
	for name, bad := range map[string][]byte{
		"bytes after the end": append(bytes.Clone(raw), 0),
		"another magic":       append([]byte("SSA2"), raw[4:]...),
		"unknown status":      append(append(bytes.Clone(raw[:76]), 9), raw[77:]...),
		"status 0":            append(append(bytes.Clone(raw[:76]), 0), raw[77:]...),
	} {
		if _, err := challenge.ReadAnswer(bytes.NewReader(bad), c, b.t); !errors.Is(err, challenge.ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("broken line")
	for _, r := range []io.Reader{iotest.ErrReader(broken), io.MultiReader(bytes.NewReader(raw[:500]), iotest.ErrReader(broken)), io.MultiReader(bytes.NewReader(raw), iotest.ErrReader(broken))} {
		if _, err := challenge.ReadAnswer(r, c, b.t); !errors.Is(err, broken) {
			t.Errorf("the reader's own error is lost: %v", err)
		}
	}
}

// TestNobodyHome: a node that does not have the torrent at all says so without knowing its layout.
func TestNobodyHome(t *testing.T) {
	b := newBox(t, catalog.V1)
	c := b.challenge(nothing, b.targets())
	var w bytes.Buffer
	if err := challenge.WriteAnswer(&w, c, nil, func(challenge.Item) challenge.Given { return challenge.Given{Status: challenge.Missing} }); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.check(t, c, nothing, b.targets(), w.Bytes()).Results {
		if r.Verdict != availability.Missing {
			t.Errorf("%+v", r)
		}
	}
	if err := challenge.WriteAnswer(io.Discard, c, b.t, func(challenge.Item) challenge.Given { return challenge.Given{Status: challenge.Sent} }); !errors.Is(err, challenge.ErrForm) {
		t.Errorf("an answer without its bytes was written: %v", err)
	}
	for _, it := range []challenge.Item{{Piece: -1}, {Piece: 99}, {Piece: 0, Block: -1}, {Piece: 0, Block: 99}, {Piece: 0, Block: 1, Whole: true}} {
		if g := b.give(it); g.Status != challenge.Missing {
			t.Errorf("%+v was given", it)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	boxes := []*box{newBox(f, catalog.V1), newBox(f, catalog.V2), newBox(f, catalog.Hybrid)}
	for i, b := range boxes {
		c := b.challenge(nothing, b.targets()[:2])
		raw := b.answer(f, c, b.give)
		f.Add(i, raw)
		f.Add(i, raw[:200])
		f.Add(i, b.answer(f, c, func(challenge.Item) challenge.Given { return challenge.Given{Status: challenge.Refused} }))
	}
	f.Fuzz(func(t *testing.T, i int, raw []byte) {
		if i < 0 || i >= len(boxes) {
			return
		}
		b := boxes[i]
		c := b.challenge(nothing, b.targets()[:2])
		a, err := challenge.ReadAnswer(bytes.NewReader(raw), c, b.t)
		if err != nil {
			return
		}
		n := -1
		again := b.answer(t, c, func(challenge.Item) challenge.Given { n++; return a.Given[n] })
		if !bytes.Equal(again, raw) {
			t.Errorf("read %x, wrote %x", raw, again)
		}
		challenge.Check(c, b.t, nothing, b.targets(), a)
	})
}

// BenchmarkAnswer is a node's and the server's work for one audit of 30 blocks.
func BenchmarkAnswer(bm *testing.B) {
	b := newBox(bm, catalog.Hybrid)
	var items []availability.Target
	for i := range 30 {
		items = append(items, availability.Target{Piece: i % 4, Block: i % 2})
	}
	pieces := map[int][]byte{}
	for i := range 4 {
		pieces[i], _ = b.read(i, 0, challenge.Item{Piece: i, Whole: true}.Size(b.t))
	}
	read := func(piece int, begin, length bt.Bytes) ([]byte, error) {
		return pieces[piece][begin : begin+length], nil
	}
	c := b.challenge(nothing, items)
	bm.Run("give", func(bm *testing.B) {
		for bm.Loop() {
			if err := challenge.WriteAnswer(io.Discard, c, b.t, func(it challenge.Item) challenge.Given { return challenge.Give(b.t, it, read) }); err != nil {
				bm.Fatal(err)
			}
		}
	})
	raw := b.answer(bm, c, b.give)
	bm.Run("check", func(bm *testing.B) {
		bm.SetBytes(int64(len(raw)))
		for bm.Loop() {
			if out := b.check(bm, c, nothing, items, raw); len(out.Results) != 30 || out.Results[29].Verdict != availability.Passed {
				bm.Fatalf("%+v", out)
			}
		}
	})
}
