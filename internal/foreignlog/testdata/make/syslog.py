import socket, sys
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('127.0.71.3',15514))
f=open(sys.argv[1],'a')
while True:
    d=s.recv(65536).decode(errors='replace'); 
    d=d[d.index('>')+1:] if d.startswith('<') else d
    f.write(d.rstrip('\n')+'\n'); f.flush()
