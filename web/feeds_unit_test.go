package web

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Streams are counted for each member and in all, and those that ended make room.
func TestFeedStreamsAreCounted(t *testing.T) {
	var f feedStreams
	var leave []func()
	for m := range bt.MemberID(feedStreamed) {
		out, err := f.enter(m)
		if err != nil {
			t.Fatal(m, err)
		}
		leave = append(leave, out)
	}
	if _, err := f.enter(9999); err == nil || err.(*problem).Status != 503 {
		t.Fatalf("one too many: %v", err)
	}
	leave[0]()
	for range feedOfMember {
		if _, err := f.enter(9999); err != nil {
			t.Fatal(err)
		}
		leave[1]()
		leave = leave[1:]
	}
	if _, err := f.enter(9999); err == nil || err.(*problem).Status != 429 {
		t.Fatalf("too many of one member: %v", err)
	}
	if len(f.of) != feedStreamed-feedOfMember || f.open != feedStreamed-1 {
		t.Errorf("%d members, %d streams", len(f.of), f.open)
	}
}

// Two versions of a feed never have the same time, whole seconds though they are; a version keeps its own.
func TestFeedVersions(t *testing.T) {
	var v feedVersions
	now := time.UnixMilli(1_000_900)
	one, two := sha256.Sum256([]byte("1")), sha256.Sum256([]byte("2"))
	first := v.since("a", one, now)
	if first.UnixMilli() != 1_000_000 || v.since("a", one, now.Add(time.Hour)) != first {
		t.Error(first)
	}
	second := v.since("a", two, now)
	if second.UnixMilli() != 1_001_000 {
		t.Error(second)
	}
	if third := v.since("a", one, now.Add(time.Hour)); third.UnixMilli() != 4_600_000 {
		t.Error(third)
	}
	if other := v.since("b", two, now); other.UnixMilli() != 1_000_000 {
		t.Error(other)
	}
	for i := range rssRemember {
		v.since(string(rune(i+0x4e00)), one, now)
	}
	if len(v.last) > rssRemember {
		t.Errorf("%d are remembered", len(v.last))
	}
}
