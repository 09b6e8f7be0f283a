// Package tlsconfig builds and verifies TLS connections as the NRL's security
// guidance demands.
package tlsconfig
