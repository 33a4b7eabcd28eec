# An image of Pondhawk without root, shell scripts or packages beside Node: docs/how-to/containers.md.

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json index.cjs index.d.cts ./
COPY src src
COPY docs docs
RUN npm run build

FROM node:22-bookworm-slim
LABEL org.opencontainers.image.title="Pondhawk" \
      org.opencontainers.image.description="An MQTT broker: acknowledged means stored" \
      org.opencontainers.image.licenses="MIT"
# A mosquitto.conf where the image of mosquitto has its own is used as it is: the first file that is there.
ENV NODE_ENV=production \
    PONDHAWK_CONFIG=/mosquitto/config/mosquitto.conf:/pondhawk/config/pondhawk.yaml
COPY LICENSE package.json /opt/pondhawk/
COPY --from=build /build/dist/bundle /opt/pondhawk/dist/bundle
COPY --from=build /build/dist/dashboard /opt/pondhawk/dist/dashboard
COPY --from=build /build/dist/docs /opt/pondhawk/dist/docs
COPY config/container.yaml /pondhawk/config/pondhawk.yaml
# Any user may be given with --user: the data folder is the only place that is written to.
RUN chmod 755 /opt/pondhawk/dist/bundle/command/pondhawk.js \
 && ln -s /opt/pondhawk/dist/bundle/command/pondhawk.js /usr/local/bin/pondhawk \
 && install -d -m 1777 /pondhawk/data /mosquitto/data /mosquitto/log
VOLUME /pondhawk/data
WORKDIR /pondhawk/data
USER 1000:1000
EXPOSE 1883 8083
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["pondhawk", "status"]
ENTRYPOINT ["pondhawk"]
CMD ["start"]
