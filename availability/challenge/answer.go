package challenge

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// An answer is a header, then each item in the order of the challenge: a status and, if it was
// sent, its bytes and the hashes that lead from them to the hash of the piece, lowest first. How
// many these are follows from the torrent. Numbers are big-endian.
//
//	"SSA1" | nonce 32 | node 8 | epoch 8 | info-hash 20 | items 4 | (status 1 | bytes | hashes)…
const (
	magic      = "SSA1"
	headerSize = 4 + 32 + 8 + 8 + 20 + 4
	hashSize   = 32
	// readStep is how much room is made before bytes arrive.
	readStep = 256 << 10
)

// Errors of an answer that is none; see the package's promise.
var (
	ErrOther     = errors.New("it answers another challenge")
	ErrTruncated = errors.New("it is cut off")
	ErrForm      = errors.New("it does not have the form of an answer")
)

// Status says what the node did about an item.
type Status uint8

// The statuses.
const (
	Sent    Status = 1
	Missing Status = 2 // the node says that it lacks it
	Refused Status = 3 // the node does not want to
)

// Given is what came for one item. Data and Path belong to Sent.
type Given struct {
	Status Status
	Data   []byte
	Path   [][32]byte
}

// Answer has one Given for each item of its challenge, in its order.
type Answer struct {
	Given []Given
	Bytes bt.Bytes // payload
}

// Give reads an item from where the torrent lies. What is read is sent as it is, for the server to
// judge; what is not there is missing. If reading failed for another reason the item is refused for
// now: that may pass, and is asked for again.
func Give(t *catalog.Torrent, it Item, read func(piece int, begin, length bt.Bytes) ([]byte, error)) Given {
	if it.fits(t) != nil {
		return Given{Status: Missing}
	}
	begin, length := bt.Bytes(it.Block)*bt.BlockSize, it.Size(t)
	if it.hashes(t) == 0 {
		data, err := read(it.Piece, begin, length)
		if err != nil {
			return unread(err)
		}
		return Given{Status: Sent, Data: data}
	}
	piece, err := read(it.Piece, 0, Item{Piece: it.Piece, Whole: true}.Size(t))
	if err != nil {
		return unread(err)
	}
	return Given{Status: Sent, Data: piece[begin : begin+length], Path: t.Path(it.Piece, it.Block, t.Leaves(it.Piece, piece))}
}

// unread tells data that is not there from data that cannot be read now (too many open files).
func unread(err error) Given {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, fs.ErrNotExist) {
		return Given{Status: Missing}
	}
	return Given{Status: Refused}
}

// AnswerSize is how long an answer can be that sends everything.
func AnswerSize(c Challenge, t *catalog.Torrent) int64 {
	n := int64(headerSize)
	for _, it := range c.Items {
		n += 1 + int64(it.Size(t)) + hashSize*int64(it.hashes(t))
	}
	return n
}

// WriteAnswer writes the answer to c that give gives, item by item. t may be nil if nothing is sent:
// who does not have the torrent at all says so.
func WriteAnswer(w io.Writer, c Challenge, t *catalog.Torrent, give func(Item) Given) error {
	if _, err := w.Write(header(c)); err != nil {
		return err
	}
	for _, it := range c.Items {
		g := give(it)
		if g.Status == Sent && (it.fits(t) != nil || bt.Bytes(len(g.Data)) != it.Size(t) || len(g.Path) != it.hashes(t)) {
			return fmt.Errorf("block %d of piece %d: %d bytes and %d hashes: %w", it.Block, it.Piece, len(g.Data), len(g.Path), ErrForm)
		}
		b := append([]byte{byte(g.Status)}, g.Data...)
		for _, h := range g.Path {
			b = append(b, h[:]...)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func header(c Challenge) []byte {
	b := append([]byte(magic), c.Nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Node))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Epoch))
	b = append(b, c.InfoHash[:]...)
	return binary.BigEndian.AppendUint32(b, uint32(len(c.Items)))
}

// ReadAnswer reads the answer to c, and no more than was asked for. Errors: ErrOther, ErrTruncated,
// ErrForm, and what r says. It reads to the end of r, so that a reader which checks a signature there
// has its say before anything counts.
func ReadAnswer(r io.Reader, c Challenge, t *catalog.Torrent) (Answer, error) {
	var a Answer
	err := readItems(r, c, t, func(_ int, g Given) {
		a.Given = append(a.Given, g)
		a.Bytes += bt.Bytes(len(g.Data))
	})
	if err != nil {
		return Answer{}, err
	}
	return a, nil
}

// readItems reads an answer, item by item.
func readItems(r io.Reader, c Challenge, t *catalog.Torrent, take func(i int, g Given)) error {
	in := bufio.NewReaderSize(r, 64<<10)
	if err := readHeader(in, c); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	for i, it := range c.Items {
		g, err := readItem(in, it, t)
		if err != nil {
			return fmt.Errorf("reading the answer for block %d of piece %d: %w", it.Block, it.Piece, err)
		}
		take(i, g)
	}
	switch _, err := in.ReadByte(); {
	case err == nil:
		return fmt.Errorf("reading the answer: bytes after its end: %w", ErrForm)
	case err != io.EOF:
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}

func readHeader(r io.Reader, c Challenge) error {
	got, err := readN(r, headerSize)
	switch {
	case err != nil:
		return err
	case string(got[:len(magic)]) != magic:
		return ErrForm
	case !bytes.Equal(got, header(c)):
		return ErrOther
	}
	return nil
}

func readItem(r *bufio.Reader, it Item, t *catalog.Torrent) (g Given, err error) {
	if err := it.fits(t); err != nil {
		return g, err
	}
	status, err := r.ReadByte()
	if err != nil {
		return g, cutOff(err)
	}
	g.Status = Status(status)
	switch g.Status {
	case Missing, Refused:
		return g, nil
	case Sent:
	default:
		return g, fmt.Errorf("status %d: %w", status, ErrForm)
	}
	if g.Data, err = readN(r, int64(it.Size(t))); err != nil {
		return g, err
	}
	path, err := readN(r, hashSize*int64(it.hashes(t)))
	for ; len(path) >= hashSize; path = path[hashSize:] {
		g.Path = append(g.Path, [32]byte(path))
	}
	return g, err
}

// readN reads exactly n bytes. Room grows with what arrives, not with what was announced.
func readN(r io.Reader, n int64) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, min(n, readStep)))
	if _, err := io.CopyN(b, r, n); err != nil {
		return nil, cutOff(err)
	}
	return b.Bytes(), nil
}

// cutOff tells an end that came too early from what else can go wrong.
func cutOff(err error) error {
	if err == io.EOF {
		return ErrTruncated
	}
	return err
}
