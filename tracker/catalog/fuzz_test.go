package catalog

import (
	"bytes"
	"path/filepath"
	"reflect"
	"testing"
)

// seeds are files of every version and every refusal. Those of many megabytes are left out: the
// fuzzer would spend its time on them.
func seeds(t testing.TB) (data [][]byte, accepted int) {
	dir, _ := writeAlbum(t)
	for _, version := range []Version{V1, V2, Hybrid} {
		data = append(data, mustCreate(t, dir, CreateOptions{Version: version, PieceLength: 32768}))
	}
	data = append(data, oneFile(nil), treeFile(nil), hybridFile(nil), album(at("a"), pad(16383), at("b")),
		files(at("a"), d{"attr": "l", "path": l{"c"}, "symlink path": l{"a"}}),
		foreign(d{"name": "film.mkv", "length": 1, "piece length": 16384, "pieces": hashes20(1)}))
	accepted = len(data)
	for _, c := range refusals() {
		if len(c.data) < 1<<16 {
			data = append(data, c.data)
		}
	}
	return data, accepted
}

func FuzzParse(f *testing.F) {
	corpus, accepted := seeds(f)
	if accepted == 0 || len(corpus) < 50 {
		f.Fatalf("a corpus of %d files, %d of them good, tests nothing", len(corpus), accepted)
	}
	for i, data := range corpus {
		if _, err := Parse(data); (err == nil) != (i < accepted) {
			f.Fatalf("seed %d: %v", i, err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tor, err := Parse(data)
		if err != nil {
			if _, ok := err.(*Refusal); !ok {
				t.Fatalf("%T is not a Refusal", err)
			}
			return
		}
		checkUsable(t, tor)
		checkPersonalised(t, tor, data)
		checkMadePrivate(t, tor, data)
	})
}

// checkUsable asks an accepted torrent for all that the tracker asks.
func checkUsable(t *testing.T, tor *Torrent) {
	if tor.Size <= 0 || tor.Span < tor.Size || tor.Span > MaxTotalBytes || tor.NumPieces() > MaxPieces || len(tor.Files) == 0 {
		t.Fatalf("unusable: %+v", tor)
	}
	var sum = tor.Span
	for i := range tor.NumPieces() {
		if tor.PieceSize(i) <= 0 || tor.PieceSize(i) > tor.PieceLength {
			t.Fatalf("piece %d has %d bytes", i, tor.PieceSize(i))
		}
		sum -= tor.PieceSize(i)
		if tor.HasV1 {
			tor.PieceHash(i)
		}
	}
	if sum != 0 {
		t.Fatalf("pieces and span differ by %d", sum)
	}
	for _, file := range tor.Files {
		if !file.Pad && (!filepath.IsLocal(filepath.Join(file.Path...)) || file.Size < 0) {
			t.Fatalf("unsafe file %+v", file)
		}
	}
}

func checkPersonalised(t *testing.T, tor *Torrent, data []byte) {
	out := Personalise(data, "http://127.0.0.1/announce/x/announce", "c")
	if len(out) > MaxFileBytes {
		return
	}
	got, err := Parse(out)
	if err != nil {
		t.Fatalf("personalised: %v", err)
	}
	if !reflect.DeepEqual(got, tor) {
		t.Fatalf("personalised %+v, was %+v", got, tor)
	}
}

func checkMadePrivate(t *testing.T, tor *Torrent, data []byte) {
	out, changed, err := MakePrivate(data, "TAG")
	if err != nil {
		if len(data) > MaxFileBytes-100 {
			return
		}
		t.Fatalf("make private: %v", err)
	}
	got, err := Parse(out)
	if err != nil {
		t.Fatalf("made private: %v", err)
	}
	if !got.Private || got.Source != "TAG" || changed == bytes.Equal(got.InfoBytes, tor.InfoBytes) {
		t.Fatalf("private %v, source %q, changed %v", got.Private, got.Source, changed)
	}
	if !reflect.DeepEqual(got.Files, tor.Files) || got.NumPieces() != tor.NumPieces() || got.HasV1 != tor.HasV1 || got.HasV2 != tor.HasV2 {
		t.Fatalf("made private %+v, was %+v", got, tor)
	}
	again, changed, err := MakePrivate(out, "TAG")
	if err != nil || changed || !bytes.Equal(again, out) {
		t.Fatalf("private twice: changed %v, error %v", changed, err)
	}
}
