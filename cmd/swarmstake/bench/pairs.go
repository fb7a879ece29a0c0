package bench

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxKey bounds an announce key; Swarmstake's have 40 characters.
const maxKey = 128

// pairs are the lines of a pairs file, in flat memory: 60 bytes each with Swarmstake's keys.
type pairs struct {
	hashes []byte // 20 bytes each
	keys   []byte // keyLen bytes each
	keyLen int
}

func (p *pairs) count() int        { return len(p.hashes) / 20 }
func (p *pairs) hash(i int) []byte { return p.hashes[20*i : 20*i+20] }
func (p *pairs) key(i int) []byte  { return p.keys[p.keyLen*i : p.keyLen*(i+1)] }
func (p *pairs) add(hash, key []byte) {
	p.hashes, p.keys = append(p.hashes, hash...), append(p.keys, key...)
}

func loadPairs(file string) (*pairs, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read --pairs: %w (make it with 'swarmstake bench populate')", err)
	}
	defer f.Close()
	size := int64(0)
	if info, err := f.Stat(); err == nil {
		size = info.Size()
	}
	p, err := readPairs(f, size)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return p, nil
}

// readPairs reads lines "INFOHASH<tab>KEY"; all keys must be of one length, for other trackers
// possibly none. size is a guess of how many bytes come.
func readPairs(r io.Reader, size int64) (*pairs, error) {
	p := &pairs{}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 64<<10)
	var hash [20]byte
	for n := 1; lines.Scan(); n++ {
		digits, key, _ := bytes.Cut(bytes.TrimRight(lines.Bytes(), "\r"), []byte{'\t'})
		if len(digits) != 40 {
			return nil, fmt.Errorf("line %d: want 40 hex digits of info-hash, a tab and an announce key", n)
		}
		if _, err := hex.Decode(hash[:], digits); err != nil {
			return nil, fmt.Errorf("line %d: the info-hash is not hex", n)
		}
		if n == 1 {
			guess := int(size) / (len(digits) + len(key) + 2) // one more is no harm
			p.keyLen, p.hashes, p.keys = len(key), make([]byte, 0, 20*(guess+1)), make([]byte, 0, len(key)*(guess+1))
		}
		if err := checkKey(key, p.keyLen); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		p.add(hash[:], key)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if p.count() == 0 {
		return nil, errors.New("it has no lines")
	}
	return p, nil
}

// checkKey refuses what would not be one segment of a path.
func checkKey(key []byte, want int) error {
	if len(key) != want || len(key) > maxKey {
		return fmt.Errorf("a key of %d characters: want %d as in the first line, at most %d", len(key), want, maxKey)
	}
	for _, c := range key {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && c != '-' && c != '_' && c != '.' {
			return errors.New("the key has a character that does not belong in a path")
		}
	}
	return nil
}
