import socket,sys,time
hold=float(sys.argv[3]); s=socket.create_connection((sys.argv[1],int(sys.argv[2]))); 
d=sys.stdin.buffer.read()
if d: s.sendall(d)
s.settimeout(hold)
try:
    while s.recv(4096): pass
except Exception: pass
s.close()
