package store

import "github.com/swarmstake/swarmstake/tracker/bt"

// SaidRow is what nodes say they sent to another's clients, and what these admitted of the torrent from everybody.
type SaidRow struct {
	Torrent  TorrentName
	Other    bt.MemberID // the nodes' owner, or the member that they say it of
	Name     string
	Said     bt.Bytes
	Admitted bt.Bytes
}

// saidOf is what others' nodes say of the member (of), or what its own say of others: of the pairs of a torrent and a
// member in which clearly less was admitted, one row for each owner of nodes, the largest first.
func (r *reader) saidOf(m bt.MemberID, of bool) ([]SaidRow, error) {
	word, other := "n.member = ? AND x.member > 0 AND x.member <> n.member", "w.member"
	if of {
		word, other = "x.member = ? AND x.member > 0 AND n.member <> x.member", "w.owner"
	}
	query := `WITH word AS MATERIALIZED (SELECT x.member, x.torrent, n.member AS owner, ` + sumOf("x.sent_bytes") + ` AS bytes
			FROM exchanges x JOIN nodes n ON n.id = x.node WHERE ` + word + ` GROUP BY x.member, x.torrent, n.member),
		said AS (SELECT member, torrent, ` + sumOf("bytes") + ` AS bytes FROM word GROUP BY member, torrent)
		SELECT ` + other + `, o.name, w.bytes, coalesce(d.metered_bytes + d.corroborated_bytes, 0) AS admitted, ` + torrentColumns + `
		FROM word w JOIN said s ON s.member = w.member AND s.torrent = w.torrent JOIN torrents t ON t.id = w.torrent JOIN members o ON o.id = ` + other + `
			LEFT JOIN downloads d ON d.member = w.member AND d.torrent = w.torrent
		WHERE admitted < s.bytes - s.bytes / 1000000.0 * ? ORDER BY w.bytes DESC, t.id LIMIT ?`
	return ofTorrents(r, func(x *SaidRow) (*TorrentName, []any) {
		return &x.Torrent, []any{&x.Other, &x.Name, &x.Said, &x.Admitted}
	},
		query, m, silentPPM, evidenceRows)
}
