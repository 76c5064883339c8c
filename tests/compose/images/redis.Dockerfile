ARG ROOT
FROM ${ROOT}
WORKDIR /data
RUN chown 999:999 /data
VOLUME /data
CMD ["redis-server"]
