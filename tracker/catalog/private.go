package catalog

// MakePrivate validates an uploaded file and returns the one to store: private=1 (BEP 27) and the
// tracker's source tag in the info dictionary, nothing foreign outside it. changed says whether
// the info dictionary, and so the info-hash, is another than before; if not, its bytes are the
// same. An empty source leaves the tag alone. An error is a *Refusal.
func MakePrivate(data []byte, source string) (out []byte, changed bool, err error) {
	t, err := Parse(data)
	if err != nil {
		return nil, false, err
	}
	info := t.InfoBytes
	if changed = !t.Private || source != "" && t.Source != source; changed {
		set := []entry{{"private", encodeInt(1)}}
		if source != "" {
			set = append(set, entry{"source", encodeString(source)})
		}
		info = rewrite(info, nil, set...)
	}
	out = rewrite(data, isOurs, entry{"info", info})
	// Two more keys can push a file over a limit that it only just met.
	if _, err = Parse(out); err != nil {
		return nil, false, err
	}
	return out, changed, nil
}

// Personalise returns a stored file with the member's announce URL. Foreign trackers, web seeds
// and nodes are gone, the info dictionary is untouched. An empty comment keeps the stored one. It
// returns nil if stored is not a torrent file that Parse accepted.
func Personalise(stored []byte, announceURL, comment string) []byte {
	if scan(stored) != nil || value(stored).get("info").kind() != dictKind {
		return nil
	}
	set := []entry{{"announce", encodeString(announceURL)}}
	if comment != "" {
		set = append(set, entry{"comment", encodeString(comment)})
	}
	return rewrite(stored, isOurs, set...)
}

// isOurs lists what may stand beside the info dictionary. It lists what stays and not what goes
// (announce, announce-list, url-list, httpseeds, nodes), because programs leave more there that
// names trackers, peers or folders (rTorrent's "rtorrent", libtorrent's resume data).
func isOurs(key string) bool {
	switch key {
	case "info", "piece layers", "comment", "created by", "creation date", "encoding":
		return true
	}
	return false
}

// rewrite copies a dictionary, without the keys that keep refuses (nil: none), with others set.
// Values are copied as they are: what was canonical stays so.
func rewrite(dict value, keep func(key string) bool, set ...entry) []byte {
	var out []entry
	for key, val := range dict.entries() {
		if k := string(key); (keep == nil || keep(k)) && !contains(set, k) {
			out = append(out, entry{k, val})
		}
	}
	return encodeDict(append(out, set...))
}

func contains(entries []entry, key string) bool {
	for _, e := range entries {
		if e.key == key {
			return true
		}
	}
	return false
}
