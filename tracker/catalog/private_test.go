package catalog

import (
	"bytes"
	"testing"
)

// foreign is a file full of what a private tracker must not hand out.
func foreign(info d) []byte {
	return encode(d{
		"announce": "http://foreign/announce", "announce-list": l{l{"http://foreign/announce"}},
		"url-list": "http://foreign/seed", "httpseeds": l{"http://foreign/seed"},
		"nodes": l{l{"foreign", 6881}}, "rtorrent": d{"directory": "/home/foreign"},
		"comment": "my film", "created by": "me", "creation date": 1700000000, "encoding": "UTF-8",
		"info": info,
	})
}

func keys(data []byte) (keys []string) {
	for key := range value(data).entries() {
		keys = append(keys, string(key))
	}
	return keys
}

func TestMakePrivate(t *testing.T) {
	info := func(edit func(d)) d {
		i := d{"name": "film.mkv", "length": 1, "piece length": 16384, "pieces": hashes20(1), "x-note": "kept"}
		edit(i)
		return i
	}
	for what, c := range map[string]struct {
		info    d
		source  string
		changed bool
	}{
		"public":             {info(func(d) {}), "TAG", true},
		"private, no source": {info(func(i d) { i["private"] = 1 }), "TAG", true},
		"other source":       {info(func(i d) { i["private"], i["source"] = 1, "OTHER" }), "TAG", true},
		"private=0":          {info(func(i d) { i["private"], i["source"] = 0, "TAG" }), "TAG", true},
		"private a string":   {info(func(i d) { i["private"], i["source"] = "1", "TAG" }), "TAG", true},
		"source a number":    {info(func(i d) { i["private"], i["source"] = 1, 5 }), "TAG", true},
		"ready":              {info(func(i d) { i["private"], i["source"] = 1, "TAG" }), "TAG", false},
		"no tag wanted":      {info(func(i d) { i["private"], i["source"] = 1, "OTHER" }), "", false},
	} {
		data := foreign(c.info)
		out, changed, err := MakePrivate(data, c.source)
		if err != nil || changed != c.changed {
			t.Errorf("%s: changed %v, error %v", what, changed, err)
			continue
		}
		got, before := mustParse(t, out), mustParse(t, data)
		if !got.Private || c.source != "" && got.Source != c.source {
			t.Errorf("%s: private %v, source %q", what, got.Private, got.Source)
		}
		if same := bytes.Equal(got.InfoBytes, before.InfoBytes); same == changed {
			t.Errorf("%s: same info %v, reported as changed %v", what, same, changed)
		}
		if s, _ := value(got.InfoBytes).get("x-note").bytes(); string(s) != "kept" {
			t.Errorf("%s: another key of info was lost", what)
		}
		if k := keys(out); len(k) != 5 {
			t.Errorf("%s: keys %q remain", what, k)
		}
	}
}

func TestMakePrivateKeepsLayersAndRefuses(t *testing.T) {
	out, changed, err := MakePrivate(hybridFile(nil), "TAG")
	if err != nil || !changed {
		t.Fatalf("changed %v, error %v", changed, err)
	}
	if tor := mustParse(t, out); !tor.HasV1 || !tor.HasV2 {
		t.Error("the hybrid is none any more")
	}
	if _, _, err := MakePrivate([]byte("de"), "TAG"); err == nil {
		t.Error("accepted a file without info")
	}
	// A file that just fits does not fit any more with two keys more.
	full := func(n int) []byte { return oneFile(func(i d) { i["x"] = string(make([]byte, n)) }) }
	n := MaxFileBytes - len(full(MaxFileBytes/2)) + MaxFileBytes/2
	data := full(n)
	data = bytes.Replace(data, []byte("8:announce23:http://foreign/announce"), nil, 1)
	data = encode(d{"comment": string(make([]byte, 20)), "info": raw(mustParse(t, data).InfoBytes)})
	mustParse(t, data)
	if _, _, err := MakePrivate(data, "A LONG SOURCE TAG OF A TRACKER"); err == nil {
		t.Error("the private file is larger than what Parse accepts")
	}
}

func TestPersonalise(t *testing.T) {
	stored := foreign(d{"name": "film.mkv", "length": 1, "piece length": 16384, "pieces": hashes20(1), "private": 1})
	const url = "http://127.0.0.1:8080/announce/0000000100112233445566778899aabbccddeeff/announce"
	out := Personalise(stored, url, "from Swarmstake")
	want := encode(d{
		"announce": url, "comment": "from Swarmstake", "created by": "me", "creation date": 1700000000,
		"encoding": "UTF-8", "info": raw(mustParse(t, stored).InfoBytes),
	})
	if !bytes.Equal(out, want) {
		t.Errorf("got  %q\nwant %q", out, want)
	}
	if again := Personalise(out, url, ""); !bytes.Equal(again, want) {
		t.Errorf("an empty comment changed the file: %q", again)
	}
	if bytes.Contains(Personalise(hybridFile(nil), url, ""), []byte("foreign")) {
		t.Error("a foreign tracker is left")
	}
	for _, bad := range []string{"", "de", "d4:info", "le", "d4:info1:xe"} {
		if out := Personalise([]byte(bad), url, ""); out != nil {
			t.Errorf("made %q of %q", out, bad)
		}
	}
}
