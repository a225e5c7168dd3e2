// Package control is the socket between the verbs and a running server:
// HTTP with JSON on STATE/control.sock, guarded by the file's permissions (0660).
package control
