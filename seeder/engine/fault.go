package engine

import "sync"

// running is what a torrent may do: it downloads if nothing speaks against it.
type running struct {
	mu       sync.Mutex
	seedOnly bool
	paused   bool
	faulty   bool // the disk failed
	stopped  bool // the download was, by one of these
	wanted   bool // the library was told to want all pieces
}

// set changes what a torrent may do and tells the library.
func (t *Torrent) set(change func(*running)) {
	t.run.mu.Lock()
	defer t.run.mu.Unlock()
	change(&t.run)
	if t.frozen.Load() != nil {
		return
	}
	if t.run.paused {
		t.t.DisallowDataUpload()
	} else {
		t.t.AllowDataUpload()
	}
	was := t.run.stopped
	if t.run.stopped = t.run.seedOnly || t.run.paused || t.run.faulty; t.run.stopped {
		t.t.DisallowDataDownload()
		return
	}
	t.t.AllowDataDownload()
	if was {
		t.reconnect()
	}
	if !t.run.wanted {
		t.run.wanted = true
		t.t.DownloadAll()
	}
}

// reconnect closes the connections of a download that goes on: the library may wait on them for ever
// for answers to requests that it cancelled when the download stopped.
func (t *Torrent) reconnect() {
	if t.left() == 0 {
		return
	}
	for _, w := range t.engine.wires.of(nil) {
		if w.key().InfoHash == t.File.InfoHash {
			w.Close()
		}
	}
}

// SeedOnly ends (or, with false, resumes) the download of what is missing. What is there is served
// all the same.
func (t *Torrent) SeedOnly(on bool) { t.set(func(r *running) { r.seedOnly = on }) }

// Pause ends (or, with false, resumes) all exchange: nothing is downloaded and nothing is served.
// Connections stay, and new ones are refused.
func (t *Torrent) Pause(on bool) { t.set(func(r *running) { r.paused = on }) }

// Resume lets a download go on that a disk error paused. What is missing is fetched again, over new
// connections: announce to learn of peers.
func (t *Torrent) Resume() {
	t.whole.Store(false) // left sets it again, if nothing is missing
	t.set(func(r *running) { r.faulty = false })
}

// rouse has the library look again at what it may send: it sleeps for as long as the old rate said.
func (t *Torrent) rouse() {
	t.run.mu.Lock()
	defer t.run.mu.Unlock()
	if !t.run.paused && t.frozen.Load() == nil {
		t.t.DisallowDataUpload()
		t.t.AllowDataUpload()
	}
}

// diskFailed stops downloading: on a full disk every further piece would be a wasted, billed one, and
// where a disk is gone its data would be fetched again onto another.
func (t *Torrent) diskFailed(err error) {
	fresh := false
	t.set(func(r *running) { fresh, r.faulty = !r.faulty, true })
	if !fresh {
		return
	}
	t.engine.log.Error("the disk failed; the download is paused", "infohash", t.File.InfoHash.String(), "error", err)
	go func() {
		t.disclaim()
		if t.told != nil {
			t.told(err)
		}
	}()
}

// disclaim has the library look which pieces lie in files that are absent or too short now. These are
// not verified any more; the library itself would notice it piece by piece.
func (t *Torrent) disclaim() {
	missing := map[string]bool{}
	for _, path := range t.Missing() {
		missing[path] = true
	}
	for i, f := range t.File.info.UpvertedFiles() {
		if !missing[t.layout.paths[i]] {
			continue
		}
		for p := f.BeginPieceIndex(t.File.PieceLength); p < f.EndPieceIndex(t.File.PieceLength); p++ {
			t.t.Piece(p).UpdateCompletion()
		}
	}
}
