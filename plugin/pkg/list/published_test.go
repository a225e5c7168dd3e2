package list

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestPublishedShapes reads lists as their publishers lay them out, with names
// made up: heads, ends, white space and columns are theirs.
func TestPublishedShapes(t *testing.T) {
	tests := map[string]struct {
		text   string
		want   []string
		passed int // lines or names passed over
		warned int
	}{
		"StevenBlack's hosts": {"# Title: hosts\n#\n# Number of unique domains: 2\n# ===\n\n127.0.0.1 localhost\n127.0.0.1 localhost.localdomain\n127.0.0.1 local\n255.255.255.255 broadcasthost\n" +
			"::1 localhost\n::1 ip6-localhost\n::1 ip6-loopback\nfe80::1%lo0 localhost\nff00::0 ip6-localnet\nff00::0 ip6-mcastprefix\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\nff02::3 ip6-allhosts\n0.0.0.0 0.0.0.0\n\n" +
			"# Custom host records are listed here.\n\n\n# End of custom host records.\n# Start StevenBlack\n\n#=====\n0.0.0.0 a.example\n0.0.0.0 b.example #[a note]\n", []string{"exact a.example", "exact b.example"}, 14, 0},
		"AdAway":                       {"# AdAway default blocklist\n#\n# Contributors:\n\n127.0.0.1  localhost\n::1  localhost\n\n# [163.com]\n127.0.0.1 a.example\n127.0.0.1 b.example\n", []string{"exact a.example", "exact b.example"}, 2, 0},
		"yoyo, hosts in a page's text": {"# For the latest version of this list\n# last edited:    Mon, 04 May 2026 15:58:13 GMT\n# entries:        2\n#\n127.0.0.1 a.example\n127.0.0.1 b.example\n", []string{"exact a.example", "exact b.example"}, 0, 0},
		"yoyo, plain":                  {"a.example\nb.example\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"yoyo, dnsmasq":                {"address=/a.example/127.0.0.1\naddress=/b.example/127.0.0.1\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"yoyo, dnsmasq servers":        {"server=/a.example/\nserver=/b.example/\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"yoyo, Unbound": {"local-zone: \"a.example\" redirect\nlocal-data: \"a.example A 127.0.0.1\"\nlocal-zone: \"b.example\" redirect\nlocal-data: \"b.example A 127.0.0.1\"\n",
			[]string{"subtree a.example", "exact a.example", "subtree b.example", "exact b.example"}, 0, 0},
		"pfBlockerNG":            {"local-zone: \"a.example\" \"transparent\"\nlocal-data: \"a.example 60 IN A 10.10.10.1\"\nlocal-data: \"b.example 60 IN A 10.10.10.1\"\n", []string{"except reopening subtree a.example", "exact a.example", "exact b.example"}, 0, 0},
		"hagezi, dnsmasq":        {"# Title: HaGeZi's Pro DNS Blocklist\n# Version: 2026.0502.1033.16\n# Syntax: DNSMasq v2.86 or newer\n# Number of entries: 2\n#\nlocal=/a.example/\nlocal=/b.example/\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"hagezi, wildcard names": {"# Title: HaGeZi's Pro DNS Blocklist\n# Syntax: Domains Wildcard (only)\n*.a.example\n*.b.example\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"hagezi, Adblock":        {"[Adblock Plus]\n! Title: HaGeZi's Pro DNS Blocklist\n! Syntax: AdBlock\n||a.example^\n@@||b.example^\n", []string{"subtree a.example", "except subtree b.example"}, 0, 0},
		"oisd, Adblock":          {"[Adblock Plus]\n! Version: 202605021035\n! Title: oisd big\n! Syntax: Adblock Plus Filter List\n||a.example^\n||b.example^\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"oisd, dnsmasq":          {"# Version: 202605021035\n# Title: oisd big\n# Entries: 2\nlocal=/a.example/\nserver=/b.example/\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"oisd, Unbound":          {"# Title: oisd big\n# Syntax: Unbound (2)\nserver:\nlocal-zone: \"a.example.\" always_null\nlocal-zone: \"b.example.\" always_nxdomain\n", []string{"subtree a.example", "subtree b.example"}, 1, 0},
		"notracking, dnsmasq":    {"# notracking\n\naddress=/a.example/0.0.0.0\naddress=/a.example/::\nserver=/ok.a.example/#\n", []string{"subtree a.example", "subtree a.example", "except reopening subtree ok.a.example"}, 0, 0},
		"The Block List Project": {"# Title: Scam Block List\n# Entries: 2\n# URL: \n#\n\nserver=/a.example/\nserver=/b.example/\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"Phishing Army":          {"#\n#  ██████╗ ██╗\n# \n# =====\n# Last Update: Sat, 02 May 2026 07:01:09 UTC\n# License: CC BY-NC 4.0\n# =====\na.example\nb.example\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"CERT.PL, text":          {"a.example\nb.example\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"CERT.PL, hosts":         {"0.0.0.0 a.example www.a.example\n0.0.0.0 b.example\n", []string{"exact a.example", "exact www.a.example", "exact b.example"}, 0, 0},
		"CERT.PL, Adblock":       {"[Adblock Plus]\n! Title: Lista\n||a.example^$all\n||b.example^\n", []string{"subtree b.example"}, 1, 0},
		"CERT.PL, CSV":           {"RegisterPositionId\tDomainAddress\tInsertDate\tDeleteDate\n1\ta.example\t2026-03-18T10:32:00\t\n2\tb.example\t2026-03-18T10:32:00\t2026-04-01T00:00:00\n", []string{"exact a.example", "exact b.example"}, 0, 0},
		"URLhaus, hosts":         {"################\n# abuse.ch URLhaus Host file                                    #\n# Last updated: 2026-05-02 11:55:07 (UTC)                        #\n################\n#\n127.0.0.1\ta.example\n127.0.0.1\tb.example\n# Number of entries: 2\n", []string{"exact a.example", "exact b.example"}, 0, 0},
		"URLhaus, text":          {"http://192.0.2.7:57501/bin.sh\nhttp://a.example/\nhttps://b.example/x/y.exe\n", []string{"exact a.example"}, 2, 0},
		"URLhaus, CSV": {"################\n# abuse.ch URLhaus Database Dump (CSV - recent URLs only)      #\n# Last updated: 2026-05-27 12:05:20 (UTC)                      #\n#                                                              #\n# Terms Of Use: https://list.example/api/                      #\n# For questions please contact x [at] list.example             #\n################\n#\n" +
			"# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\r\n\"2\",\"2026-05-27 11:52:06\",\"http://192.0.2.7:57501/\",\"online\",\"2026-05-27 11:52:06\",\"malware_download\",\"32-bit,elf\",\"https://list.example/url/2/\",\"x\"\r\n\"1\",\"2026-05-27 11:52:06\",\"https://a.example/x\",\"offline\",\"\",\"malware_download\",\"None\",\"https://list.example/url/1/\",\"x\"\r\n",
			[]string{"192.0.2.7/32"}, 1, 0},
		"ThreatFox, hosts": {"################\n# ThreatFox Host file                                            #\n################\n#\n127.0.0.1\ta.example\n127.0.0.1\tb.example\n# Number of entries: 2\n", []string{"exact a.example", "exact b.example"}, 0, 0},
		"ThreatFox, CSV without its header": {"# Last updated\n" + threatFox(20), slices.Collect(func(yield func(string) bool) {
			for i := range 20 {
				if !yield(fmt.Sprintf("exact n%d.example", i)) {
					return
				}
			}
		}), 0, 0},
		"Feodo, addresses":  {"################\n# abuse.ch Feodo Tracker Botnet C2 IP Blocklist (recommended)    #\n# Last updated: 2026-05-02 11:50:32 UTC                          #\n################\n#\n# DstIP\n192.0.2.7\n192.0.2.8\n# END 2 entries\n", []string{"192.0.2.7/32", "192.0.2.8/32"}, 0, 0},
		"Feodo, CSV":        {"################\n# Last updated: 2026-05-02 11:50:32 UTC                          #\n################\n#\n\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\n\"2026-01-02 03:04:05\",\"192.0.2.7\",\"443\",\"online\",\"2026-05-02\",\"X\"\n# END (1) entries\n", []string{"192.0.2.7/32"}, 0, 0},
		"SSLBL, addresses":  {"################\n# abuse.ch SSLBL Botnet C2 IP Blacklist (CSV)                    #\n################\n#\n# Firstseen,DstIP,DstPort\r\n2026-05-02 10:20:30,192.0.2.7,443\r\n# END (1) entries\r\n", []string{"192.0.2.7/32"}, 0, 0},
		"SSLBL, hashes":     {"# abuse.ch SSLBL SSL Certificate Blacklist (CSV)\n#\n# Listingdate,SHA1,Listingreason\n2026-05-02 10:20:30,da39a3ee5e6b4b0d3255bfef95601890afd80709,X C&C\n", nil, 1, 0},
		"Spamhaus DROP":     {"; Spamhaus DROP List 2026/05/02 - (c) 2026 The Spamhaus Project SLU\n; Last-Modified: Sat, 02 May 2026 08:31:55 GMT\n192.0.2.0/24 ; SBL256894\n198.51.100.0/24 ; SBL434604\n2001:db8::/32 ; SBL1\n", []string{"192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"}, 0, 0},
		"FireHOL":           {"#\n# firehol_level1\n#\n# ipv4 hash:net ipset\n#\n# Aggregation     : none\n# Entries         : 3 subnets, 611,020,392 unique IPs\n#\n192.0.2.0/24\n198.51.100.7\n203.0.113.128/25\n", []string{"192.0.2.0/24", "198.51.100.7/32", "203.0.113.128/25"}, 0, 0},
		"DShield, blocks":   {"#   \n#    DShield.org Recommended Block List\n#    (c) 2026 DShield.org\n#    some rights reserved. Details http://list.example/by-nc-sa/2.5/\n#   \n#   columns (tab delimited)\n#      (1) start of netblock\n#      (2) end of netblock\n#      (3) subnet (/24 for class C)\n#   \nStart\tEnd\tNetmask\tAttacks\tName\tCountry\temail\n192.0.2.0\t192.0.2.255\t24\t3215\tNET-X\tXX\tabuse@isp.example\n198.51.100.0\t198.51.100.255\t24\t3200\t\t\t\n", []string{"192.0.2.0/24", "198.51.100.0/24"}, 0, 0},
		"DShield, names":    {"#\n# DShield.org Suspicious Domain List\n#\nSite\na.example\nb.example\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"DigitalSide":       {"###################################################################\n# OSINT.digitalside.it Threat-Intel repository                      #\n# List lastupdate: 2026-05-02T00:30:06+0000                         #\n###################################################################\na.example\nb.example\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"DigitalSide, URLs": {"# List of URLs\nhttp://192.0.2.7:8080/x.sh\nhttp://a.example/x\n", nil, 2, 0},
		"OpenPhish":         {"https://a.example\nhttps://b.example/\nhttps://c.example/login/\nhttp://d.example/index.php?x=1\n", []string{"exact a.example", "exact b.example"}, 2, 0},
		"PhishTank": {"phish_id,url,phish_detail_url,submission_time,verified,verification_time,online,target\n1,http://a.example/,http://list.example/phish_detail.php?phish_id=1,2026-05-02T07:36:34+00:00,yes,2026-05-02T07:41:57+00:00,yes,Other\n" +
			"2,\"https://b.example/x,y\",http://list.example/phish_detail.php?phish_id=2,2026-05-02T07:36:34+00:00,yes,2026-05-02T07:41:57+00:00,yes,\"A, B\"\n", []string{"exact a.example"}, 1, 0},
		"PhishStats": {"######################################################################################\n# PhishScore | PhishStats                                                            #\n# Score ranges: 0-2 likely 2-4 suspicious 4-6 phishing 6-10 omg phishing!            #\n# CSV: Date,Score,URL,IP                                                             #\n######################################################################################\n" +
			"\"2026-05-02 10:01:08\",\"3.20\",\"https://a.example/\",\"192.0.2.7\"\n\"2026-05-02 10:01:08\",\"3.20\",\"https://b.example/x\",\"192.0.2.8\"\n\"2026-05-02 10:01:08\",\"3.20\",\"https://c.example\",\"192.0.2.9\"\n", []string{"exact a.example", "exact c.example"}, 1, 0},
		"Bambenek": {"#############################################################\n## Master Feed of known, active and non-sinkholed C&Cs domain \n## Feed generated at: 2026-05-02 00:15 \n#############################################################\n\n" +
			"a.example,Domain used by X,2026-05-02 00:05,http://list.example/manual/x.txt\nb.example,Domain used by X,2026-05-02 00:05,http://list.example/manual/x.txt\nc.example,Domain used by Y,2026-05-02 00:05,http://list.example/manual/y.txt\n",
			[]string{"exact a.example", "exact b.example", "exact c.example"}, 0, 0},
		"OTX":        {"Indicator type,Indicator,Description\nhostname,a.example,\ndomain,b.example,\"a, b\"\nIPv4,192.0.2.7,\nFileHash-SHA256,e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855,\nURL,http://c.example/x,\nemail,x@d.example,\nCVE,CVE-2026-1,\n", []string{"exact a.example", "exact b.example", "192.0.2.7/32"}, 4, 0},
		"MISP":       {"uuid,event_id,category,type,value,comment,to_ids,date\n\"5\",1,\"Network activity\",\"domain\",\"a.example\",\"\",1,20260502\n\"6\",1,\"Payload delivery\",\"sha256\",\"abc\",\"\",1,20260502\n\"7\",1,\"Network activity\",\"ip-dst\",\"192.0.2.7\",\"\",1,20260502\n", []string{"exact a.example", "192.0.2.7/32"}, 1, 0},
		"Botvrij":    {"#\n# Domain names\n#\na.example # domain - X campaign (2026)\nb.example # domain\n", []string{"subtree a.example", "subtree b.example"}, 0, 0},
		"AlienVault": {"192.0.2.7 # Scanning Host CN,Beijing,39.9289016724,116.388298035\n192.0.2.8 # Malicious Host US,,37.7,-97.8\n", []string{"192.0.2.7/32", "192.0.2.8/32"}, 0, 0},
		"maltrail": {"# Copyright (c) 2014-2026\n# See the file 'LICENSE' for copying permission\n\n# Aliases: x, y, z\n\n# Reference: https://list.example/x\n\na.example\n192.0.2.7:4444\nhttp://192.0.2.8\n/x/y.php\nb.example/x/\n.c.example\n192.0.2.0/28\n",
			[]string{"subtree a.example", "192.0.2.7/32", "192.0.2.8/32", "subtree c.example", "192.0.2.0/28"}, 2, 0},
		"rank and name":                  {"1,a.example\n2,b.example\n3,c.example\n", []string{"exact a.example", "exact b.example", "exact c.example"}, 0, 0},
		"semicolons, with a mark":        {"\ufeffDomain;Added;Reason\r\na.example;02.05.2026;\"x; y\"\r\nb.example;02.05.2026;\r\n", []string{"exact a.example", "exact b.example"}, 0, 0},
		"a report that nobody can click": {"hxxp://a[.]example/\nhxxps://b[.]example/x\nc[.]example\n192[.]0[.]2[.]7\n192[.]0[.]2[.]8:443\n", []string{"exact a.example", "subtree c.example", "192.0.2.7/32", "192.0.2.8/32"}, 1, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, res, err := read(tt.text, ReadOptions{})
			if !slices.Equal(got, tt.want) || res.PassedOver != tt.passed || res.Refused > 0 || res.Warnings != tt.warned || err != nil {
				t.Errorf("got  %q\nwant %q\npassed over %d, want %d: %v; refused %d, warned of %d: %v; %v", got, tt.want, res.PassedOver, tt.passed, res.Passed, res.Refused, res.Warnings, res.Notes, err)
			}
		})
	}
}

func threatFox(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\"2026-08-30 01:39:33\", \"18912%d\", \"n%d.example\", \"domain\", \"botnet_cc\", \"win.x\", \"None\", \"X\", \"\", \"50\", \"False\", \"None\", \"None\", \"0\", \"x\"\n", i, i)
	}
	return b.String()
}
