// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"bytes"
	"encoding/xml"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
)

// A scan is what the probe and other scanners all say of a server.
type scan struct {
	versions []string // from SSLv3 on
	suites   []string // of TLS 1.2, by registered name, sorted
	inOrder  bool     // the server chooses, as the guidance orders
}

// newScan sorts the suites that were found, in the server's order if that decides.
func newScan(versions, suites []string, serverDecides bool) scan {
	var order []int
	for _, name := range suites {
		if i := slices.IndexFunc(tlsconfig.Suites(), func(s tlsconfig.Suite) bool { return s.IANA() == name }); i >= 0 {
			order = append(order, i)
		}
	}
	sorted := slices.Clone(suites)
	slices.Sort(sorted)
	return scan{versions, sorted, serverDecides && slices.IsSorted(order)}
}

// scanOf reads a report of the probe.
func scanOf(report *probe.Report) scan {
	var versions, suites []string
	inOrder := false
	for _, f := range report.Findings {
		switch {
		case (strings.HasPrefix(f.Subject, "TLS 1.") || f.Subject == "SSLv3") && strings.HasPrefix(f.Found, "negotiated"):
			versions = append(versions, f.Subject)
		case f.Subject == "suites outside the list" && f.Severity == probe.Departure:
			suites = append(suites, strings.Split(strings.TrimPrefix(f.Found, "negotiated: "), ", ")...)
		case f.Subject == "order of preference":
			inOrder = f.Severity == probe.Conformant
		}
		for _, suite := range tlsconfig.Suites() {
			if f.Subject == suite.String() && f.Severity == probe.Conformant {
				suites = append(suites, suite.IANA())
			}
		}
	}
	slices.Sort(suites)
	return scan{versions, suites, inOrder}
}

// TestScannersAgree compares the probe with two programs of other origin.
func TestScannersAgree(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "scans every suite that others know")
	nginx, sslscan, nmap := testenv.Need(t, "nginx", "nginx"), testenv.Need(t, "sslscan", "sslscan"), testenv.Need(t, "nmap", "nmap")
	dir := t.TempDir()
	writeCertificates(t, dir, pki)
	var jobs []*job
	var ports []string
	for _, s := range []settings{{}, {old: true}, {new: true}, {foreign: true}, {reversed: true}, {clientOrder: true}} {
		j := &job{s, testenv.FreeAddress(t), dir}
		jobs, ports = append(jobs, j), append(ports, j.port())
	}
	serveNginx(t, nginx, jobs)
	// nmap has no certificate, which it would be asked for only after its questions.
	out, err := exec.CommandContext(t.Context(), nmap, "-n", "-Pn", "--script", "+ssl-enum-ciphers", "-p", strings.Join(ports, ","), "127.0.0.1").CombinedOutput()
	require.NoError(t, err, "%s", out)
	byPort := nmapScans(string(out))
	for _, j := range jobs {
		report, err := newProber(t, pki).Server(t.Context(), j.addr)
		require.NoError(t, err)
		ours := scanOf(report)
		assert.Contains(t, ours.versions, "TLS 1.2")
		assert.Equal(t, ours, byPort[j.port()], "nmap, of %+v: %s", j.settings, out)
		out, err := exec.CommandContext(t.Context(), sslscan, "--certs="+dir+"/good.pem", "--pk="+dir+"/good.key", "--xml=-", j.addr).Output()
		require.NoError(t, err)
		assert.Equal(t, ours, sslscanScan(t, out), "sslscan, of %+v: %s", j.settings, out)
	}
	assert.False(t, byPort[ports[4]].inOrder || byPort[ports[5]].inOrder, "the wrong orders are told from the right one")
}

// nmapScans reads what ssl-enum-ciphers writes, by port.
func nmapScans(out string) map[string]scan {
	scans := make(map[string]scan)
	for _, host := range regexp.MustCompile(`(?m)^\d+/tcp`).FindAllStringIndex(out, -1) {
		port, text := out[host[0]:host[1]-len("/tcp")], out[host[1]:]
		if next := regexp.MustCompile(`(?m)^\d+/tcp`).FindStringIndex(text); next != nil {
			text = text[:next[0]]
		}
		var versions []string
		for _, v := range regexp.MustCompile(`(?:SSLv|TLSv)[0-9.]+:`).FindAllString(text, -1) {
			versions = append(versions, strings.TrimSuffix(strings.Replace(v, "TLSv", "TLS ", 1), ":"))
		}
		_, text, _ = strings.Cut(text, "TLSv1.2:")
		text, _, _ = strings.Cut(text, "TLSv1.3:")
		scans[port] = newScan(versions, regexp.MustCompile(`TLS_[A-Z0-9_]+`).FindAllString(text, -1), strings.Contains(text, "cipher preference: server"))
	}
	return scans
}

// sslscanScan reads the XML of sslscan, which does not say who decides: it offers
// suites in an order of its own, which is not the guidance's.
func sslscanScan(t *testing.T, out []byte) scan {
	var result struct {
		Protocols []struct {
			Type    string `xml:"type,attr"`
			Version string `xml:"version,attr"`
			Enabled string `xml:"enabled,attr"`
		} `xml:"ssltest>protocol"`
		Ciphers []struct {
			Version string `xml:"sslversion,attr"`
			Name    string `xml:"cipher,attr"`
		} `xml:"ssltest>cipher"`
	}
	require.NoError(t, xml.Unmarshal(out[bytes.IndexByte(out, '<'):], &result), "%s", out)
	var versions, suites []string
	for _, p := range result.Protocols {
		if p.Enabled == "1" {
			versions = append(versions, strings.ToUpper(p.Type)+" "+p.Version)
		}
	}
	names := map[string]string{"ECDHE-RSA-AES128-SHA": "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA": "TLS_RSA_WITH_AES_128_CBC_SHA"}
	for _, suite := range tlsconfig.Suites() {
		names[suite.String()] = suite.IANA()
	}
	for _, c := range result.Ciphers {
		if c.Version == "TLSv1.2" {
			suites = append(suites, names[c.Name])
		}
	}
	return newScan(versions, suites, true)
}
