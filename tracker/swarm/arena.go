package swarm

import (
	"sync"
	"unsafe"
)

// arena hands out zeroed memory for what holds no pointers, and takes it back for the next who wants
// as much. It is kept from the garbage collector where the system allows: the collector would let it
// grow to a multiple of its size before it looked at it.
type arena struct {
	mu   sync.Mutex
	rest []byte
	free map[int][][]byte // by size
}

const (
	arenaBlock = 1 << 20
	arenaAlign = 64
)

// take returns n zeroed bytes, aligned for any record.
func (a *arena) take(n int) []byte {
	size := aligned(n)
	a.mu.Lock()
	defer a.mu.Unlock()
	if list := a.free[size]; len(list) > 0 {
		out := list[len(list)-1]
		a.free[size] = list[:len(list)-1]
		clear(out)
		return out[:n]
	}
	if len(a.rest) < size {
		a.rest = block(max(arenaBlock, size))
	}
	out := a.rest[:n:size]
	a.rest = a.rest[size:]
	return out
}

// give returns what take gave.
func (a *arena) give(b []byte) {
	if cap(b) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.free == nil {
		a.free = make(map[int][][]byte)
	}
	a.free[cap(b)] = append(a.free[cap(b)], b[:cap(b)])
}

func aligned(n int) int { return (n + arenaAlign - 1) &^ (arenaAlign - 1) }

// chunk returns a slice of zeroed records. T must hold no pointers.
func chunk[T any](a *arena, n int) []T {
	var t T
	b := a.take(n * int(unsafe.Sizeof(t)))
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// words is chunk for what is given back.
func words(a *arena, n int) []uint32 { return chunk[uint32](a, n) }

func giveWords(a *arena, w []uint32) {
	if n := 4 * cap(w); n > 0 {
		a.give(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), aligned(n)))
	}
}
