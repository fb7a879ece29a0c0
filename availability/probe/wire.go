package probe

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/time/rate"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Messages of BEP 3, 5, 6, 10 and 52 that matter here.
const (
	msgChoke       = 0
	msgUnchoke     = 1
	msgInterested  = 2
	msgHave        = 4
	msgBitfield    = 5
	msgRequest     = 6
	msgPiece       = 7
	msgPort        = 9
	msgHaveAll     = 14
	msgHaveNone    = 15
	msgReject      = 16
	msgAllowedFast = 17
	msgExtended    = 20
	msgHashRequest = 21
	msgHashes      = 22
	msgHashReject  = 23
)

const (
	protocol     = "\x13BitTorrent protocol"
	handshakeLen = len(protocol) + 8 + 20 + 20
	flagsByte    = 7    // the reserved byte with …
	dhtBit       = 0x01 // … a DHT node (BEP 5), …
	fastBit      = 0x04 // … the fast extension (BEP 6) …
	v2Bit        = 0x10 // … and hashes of blocks (BEP 52)
	extendedByte = 5    // the reserved byte with …
	extendedBit  = 0x10 // … the extension protocol (BEP 10)

	maxMessage      = 1 << 20          // bytes of any message: a bitfield of 2^23 pieces
	maxPieceMessage = bt.BlockSize + 9 // id, index, begin, one block
	maxHashes       = 2 + 32           // a pair of blocks, and what leads from there to a root
	maxHashMessage  = 1 + hashHead + 32*maxHashes
	readChunk       = 32 << 10
)

var (
	errClosed  = errors.New("the peer closed the connection")
	errHash    = errors.New("the peer answered for another torrent")
	errGarbage = errors.New("the peer sent what is not the BitTorrent protocol")
	errTooMuch = errors.New("the peer sent more than was asked for")
	errOurs    = errors.New("our own bandwidth was used up")
)

// limited ends a stream that is longer than it should be and takes it no faster than all probes
// together may.
type limited struct {
	ctx       context.Context
	r         io.Reader
	left      int64
	bandwidth *rate.Limiter
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooMuch
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left, readChunk)])
	l.left -= int64(n)
	if n > 0 && l.bandwidth.WaitN(l.ctx, n) != nil {
		return n, errOurs
	}
	return n, err
}

// message is one message of the peer wire. The payload is only good until the next read.
type message struct {
	keepAlive bool
	id        byte
	payload   []byte
}

// reader reads messages from a peer that may send anything.
type reader struct {
	r   *bufio.Reader
	buf []byte
}

func newReader(r io.Reader) *reader { return &reader{r: bufio.NewReaderSize(r, readChunk)} }

// wait returns when a message has begun to arrive. After a time-out it can be called again.
func (r *reader) wait() error {
	_, err := r.r.Peek(1)
	return err
}

// next reads one message. Memory grows with bytes that arrived, at most to maxMessage.
func (r *reader) next() (message, error) {
	var head [4]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return message{}, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 {
		return message{keepAlive: true}, nil
	}
	if n > maxMessage {
		return message{}, fmt.Errorf("%w: a message of %d bytes", errGarbage, n)
	}
	id, err := r.r.ReadByte()
	if err != nil {
		return message{}, err
	}
	if id == msgPiece && n > maxPieceMessage || id == msgHashes && n > maxHashMessage {
		return message{}, fmt.Errorf("%w: message %d of %d bytes", errGarbage, id, n)
	}
	r.buf = r.buf[:0]
	for size := int(n) - 1; len(r.buf) < size; {
		from := len(r.buf)
		r.buf = append(r.buf, make([]byte, min(size-from, bt.BlockSize))...)
		if _, err := io.ReadFull(r.r, r.buf[from:]); err != nil {
			return message{}, err
		}
	}
	return message{id: id, payload: r.buf}, nil
}

// numbers reads a payload of exactly n ≤ 3 32-bit numbers.
func (m message) numbers(n int) ([3]uint32, error) {
	var out [3]uint32
	if len(m.payload) != 4*n {
		return out, fmt.Errorf("%w: message %d of %d bytes", errGarbage, m.id, len(m.payload))
	}
	for i := range n {
		out[i] = binary.BigEndian.Uint32(m.payload[4*i:])
	}
	return out, nil
}

// frame appends a message of an id and numbers.
func frame(b []byte, id byte, numbers ...uint32) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(1+4*len(numbers)))
	b = append(b, id)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// framed appends a message of an id and a payload.
func framed(b []byte, id byte, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(1+len(payload)))
	return append(append(b, id), payload...)
}
