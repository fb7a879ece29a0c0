package challenge_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

var begin = time.Unix(1_800_000_000, 0)

// at is a time after the beginning of a test.
func at(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }

func open(id int64, n bt.NodeID, torrent byte) challenge.Challenge {
	return challenge.Challenge{ID: id, Nonce: challenge.Nonce{byte(id)}, Node: n, InfoHash: bt.InfoHash{torrent}, Time: 30 * time.Second,
		Deadline: at(240), Bytes: 480 << 10}
}

func issue(t *testing.T, d *challenge.Desk, cs ...challenge.Challenge) {
	t.Helper()
	for _, c := range cs {
		if err := d.Issue(begin, c); err != nil {
			t.Fatal(err)
		}
	}
}

func ids(cs []challenge.Challenge) (out []int64) {
	for _, c := range cs {
		out = append(out, c.ID)
	}
	return out
}

func wantIDs(t *testing.T, what string, cs []challenge.Challenge, want ...int64) {
	t.Helper()
	got := ids(cs)
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

func TestAnswersCountOnceAndInTime(t *testing.T) {
	d := challenge.NewDesk(10)
	issue(t, d, open(1, 7, 1))
	nonce := challenge.Nonce{1}
	answer := func(sec int, n bt.NodeID, id int64, nonce challenge.Nonce) error {
		_, err := d.Answer(at(sec), n, id, nonce)
		return err
	}
	want := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	want("before it was delivered", answer(0, 7, 1, nonce), challenge.ErrUnknown)
	wantIDs(t, "another node's", d.Take(at(1), 8))
	got := d.Take(at(100), 7)
	wantIDs(t, "delivered", got, 1)
	if !got[0].Deadline.Equal(at(130)) || !got[0].Delivered().Equal(at(100)) {
		t.Errorf("the time runs until %s, want from delivery", got[0].Deadline)
	}
	want("unknown", answer(101, 7, 2, nonce), challenge.ErrUnknown)
	want("another node", answer(101, 8, 1, nonce), challenge.ErrForeign)
	want("another nonce", answer(101, 7, 1, challenge.Nonce{2}), challenge.ErrOther)
	want("late", answer(130, 7, 1, nonce), challenge.ErrLate)
	want("in time", answer(129, 7, 1, nonce), nil)
	want("replayed", answer(129, 7, 1, nonce), challenge.ErrUsed)
	lates, unfetched := d.Expire(at(130))
	wantIDs(t, "late", lates)
	wantIDs(t, "unfetched", unfetched)
	d.Expire(at(161))
	want("long over", answer(161, 7, 1, nonce), challenge.ErrUnknown)
}

func TestExpiry(t *testing.T) {
	d := challenge.NewDesk(10)
	issue(t, d, open(2, 7, 2), open(1, 7, 1))
	d.Take(at(10), 7)
	issue(t, d, open(3, 8, 1))
	lates, unfetched := d.Expire(at(39))
	wantIDs(t, "not over", append(lates, unfetched...))
	lates, _ = d.Expire(at(40))
	wantIDs(t, "late", lates, 1, 2)
	if _, err := d.Answer(at(40), 7, 1, challenge.Nonce{1}); !errors.Is(err, challenge.ErrLate) {
		t.Error(err)
	}
	lates, unfetched = d.Expire(at(240))
	wantIDs(t, "late twice", lates)
	wantIDs(t, "never fetched", unfetched, 3)
	wantIDs(t, "after its time", d.Take(at(241), 8))
}

func TestIssueIsBounded(t *testing.T) {
	d := challenge.NewDesk(2)
	issue(t, d, open(1, 7, 1))
	for what, c := range map[string]challenge.Challenge{"the same torrent": open(2, 7, 1), "the same number": open(1, 8, 2)} {
		if err := d.Issue(begin, c); !errors.Is(err, challenge.ErrOpen) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := d.Issue(at(240), open(3, 9, 1)); !errors.Is(err, challenge.ErrLate) {
		t.Error(err)
	}
	issue(t, d, open(4, 8, 1))
	if err := d.Issue(begin, open(5, 9, 1)); !errors.Is(err, challenge.ErrFull) {
		t.Error(err)
	}
	d.Take(begin, 7)
	if _, err := d.Answer(at(1), 7, 1, challenge.Nonce{1}); err != nil {
		t.Fatal(err)
	}
	d.Expire(at(60))
	issue(t, d, open(6, 7, 1)) // room again, and the torrent may be asked for again
}

// TestSlowLinesGetOneAtATime: what a node owes at one time is bounded; the rest waits and its time
// does not run.
func TestSlowLinesGetOneAtATime(t *testing.T) {
	d := challenge.NewDesk(10)
	for i := range 3 {
		c := open(int64(i+1), 7, byte(i))
		c.Bytes = 10 << 20
		issue(t, d, c)
	}
	wantIDs(t, "first", d.Take(at(0), 7), 1)
	wantIDs(t, "while it is owed", d.Take(at(1), 7))
	if _, err := d.Answer(at(2), 7, 1, challenge.Nonce{1}); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, "second", d.Take(at(3), 7), 2)
	d.Expire(at(33))
	got := d.Take(at(34), 7)
	wantIDs(t, "after the second was late", got, 3)
	if !got[0].Deadline.Equal(at(64)) {
		t.Errorf("until %s", got[0].Deadline)
	}
}

// TestLostDeliveryIsRepeated: once, with the same deadline, and not while it is being answered.
func TestLostDeliveryIsRepeated(t *testing.T) {
	d := challenge.NewDesk(10)
	issue(t, d, open(1, 7, 1), open(2, 7, 2))
	wantIDs(t, "delivered", d.Take(at(0), 7), 1, 2)
	if _, err := d.Begin(at(5), 7, 2); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, "at once", d.Take(at(15), 7))
	again := d.Take(at(16), 7)
	wantIDs(t, "after half of the time", again, 1)
	if !again[0].Deadline.Equal(at(30)) {
		t.Errorf("the repetition prolongs the time to %s", again[0].Deadline)
	}
	wantIDs(t, "a third time", d.Take(at(17), 7))
	for range 2 {
		if _, err := d.Begin(at(18), 7, 2); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Begin(at(18), 7, 2); !errors.Is(err, challenge.ErrUsed) {
		t.Errorf("a fourth try: %v", err)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := challenge.NewDesk(10)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		var polls sync.WaitGroup
		for range 2 {
			polls.Go(func() { d.Wait(ctx, 7) })
		}
		synctest.Wait()
		d.Wait(ctx, 7) // a third does not wait
		c := open(1, 7, 1)
		c.Deadline = time.Now().Add(time.Minute)
		if err := d.Issue(time.Now(), c); err != nil {
			t.Fatal(err)
		}
		polls.Wait()
		if ctx.Err() != nil {
			t.Error("nobody woke the polls")
		}
		d.Wait(ctx, 7) // there is something to take
		wantIDs(t, "taken", d.Take(time.Now(), 7), 1)
		if !d.Polls(time.Now(), 7) || d.Polls(time.Now(), 8) || d.Polls(time.Now().Add(time.Hour), 7) {
			t.Error("who polls is not known")
		}
		start := time.Now()
		d.Wait(ctx, 7)
		if ctx.Err() == nil || time.Since(start) != 15*time.Second {
			t.Errorf("waited %s for nothing", time.Since(start))
		}
	})
}
