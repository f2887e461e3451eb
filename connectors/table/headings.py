"""What columns are called in English, Chinese, German and Spanish."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from connectors.mapping import Field
from connectors.table.cells import plain

_WORDS: Final = {
    Field.ORDER_NUMBER: """
        order number; order no; order; order id; po number; po no; po; purchase order;
        purchase order number; sales order; sales order number; document number; 订单号;
        订单编号; 订单号码; 单号; 单据编号; 采购单号; 采购订单号; 销售订单号; 合同号;
        auftrag; auftragsnummer; auftragsnr; bestellnummer; bestellnr; bestellung;
        belegnummer; belegnr; pedido; numero de pedido; nº pedido; n pedido; no pedido;
        num pedido; orden de compra; numero de orden""",
    Field.CUSTOMER: """
        customer; customer number; customer no; customer code; customer id; client; sold to;
        buyer; account; 客户; 客户编号; 客户代码; 客户编码; 购货单位; kunde; kundennummer;
        kundennr; kunden nr; auftraggeber; besteller; cliente; codigo cliente;
        codigo de cliente; numero de cliente; n cliente""",
    Field.CUSTOMER_NAME: """
        customer name; client name; company; 客户名称; 客户全称; 公司名称; kundenname;
        firma; nombre del cliente; nombre cliente; razon social""",
    Field.CUSTOMER_REFERENCE: """
        customer reference; customer po; customer order; customer order number;
        your reference; reference; ref; 客户订单号; 客户单号; 客户采购单号; 参考号;
        kundenreferenz; referenz; ihre referenz; kundenauftrag; referencia;
        referencia del cliente; su referencia""",
    Field.ORDER_DATE: """
        order date; date of order; document date; date; po date; 订单日期; 下单日期;
        单据日期; 日期; auftragsdatum; bestelldatum; belegdatum; datum; fecha;
        fecha de pedido; fecha pedido; fecha del pedido""",
    Field.ORDER_DUE: """
        order due; order due date; order delivery date; 订单交期; 订单交货日期;
        auftragstermin; fecha de entrega del pedido""",
    Field.CURRENCY: """
        currency; currency code; 币种; 币别; 货币; wahrung; währung; waehrung; moneda;
        divisa""",
    Field.PRIORITY: """
        priority; urgency; 优先级; 紧急程度; prioritat; priorität; prioritaet; prioridad""",
    Field.VERSION: """
        version; revision; updated; updated at; last changed; changed at; modified; 版本;
        版本号; 修改时间; 更新时间; geandert am; geändert am; geaendert am; letzte anderung;
        letzte änderung; actualizado; fecha de modificacion; revisión""",
    Field.ACTION: """
        action; change type; 操作; 变更类型; aktion; anderungsart; änderungsart; accion""",
    Field.SHIP_TO_NAME: """
        ship to; ship to name; deliver to; delivery name; recipient; consignee; 收货人;
        收货单位; 收货方; 送货单位; warenempfanger; warenempfänger; lieferempfanger;
        lieferempfänger; empfanger; empfänger; destinatario; entregar a""",
    Field.SHIP_TO_STREET: """
        ship to street; ship to address; delivery address; address; street; 收货地址;
        送货地址; 地址; lieferadresse; strasse; straße; direccion; direccion de entrega;
        calle""",
    Field.SHIP_TO_CITY: """
        ship to city; city; town; 城市; 收货城市; ort; stadt; lieferort; ciudad""",
    Field.SHIP_TO_POSTAL_CODE: """
        ship to postal code; postal code; zip; zip code; postcode; 邮编; 邮政编码; plz;
        postleitzahl; codigo postal; cp""",
    Field.SHIP_TO_COUNTRY: "ship to country; country; country code; 国家; land; pais",
    Field.POSITION: """
        line; line number; line no; position; pos; item no in order; row; line item; 行号;
        序号; 项次; 项号; 分录号; posnr; positionsnummer; zeile; linea; posicion; renglon;
        partida""",
    Field.ITEM: """
        item; item code; item number; item no; material; material number; material code;
        part; part number; part no; product; product code; sku; article; article number;
        our item; 物料; 物料编码; 物料代码; 物料号; 物料编号; 料号; 产品; 产品编码;
        产品编号; 产品代码; 货号; 商品编码; 存货编码; artikel; artikelnummer; artikelnr;
        artikel nr; materialnummer; materialnr; teilenummer; teil; produkt; articulo;
        codigo; codigo de articulo; codigo articulo; producto; codigo de producto; pieza;
        numero de parte; referencia articulo""",
    Field.CUSTOMER_ITEM: """
        customer item; customer item number; customer part; customer part number;
        customer material; buyer item; your part number; 客户料号; 客户物料; 客户物料编码;
        客户货号; 客户产品编码; kundenartikel; kundenartikelnummer; kundenmaterial;
        kundenmaterialnummer; ihre artikelnummer; articulo del cliente;
        codigo articulo cliente; su articulo""",
    Field.GTIN: """
        gtin; ean; ean13; ean code; upc; barcode; 条码; 条形码; 商品条码; strichcode;
        codigo de barras""",
    Field.DESCRIPTION: """
        description; item description; item name; product name; material description; text;
        名称; 物料名称; 产品名称; 品名; 描述; 规格型号; 物料描述; 存货名称; bezeichnung;
        artikelbezeichnung; beschreibung; artikeltext; descripcion; denominacion; nombre""",
    Field.QUANTITY: """
        quantity; qty; order quantity; order qty; ordered; amount ordered; pieces; 数量;
        订单数量; 订购数量; 采购数量; 销售数量; 订货数量; menge; bestellmenge;
        auftragsmenge; anzahl; stückzahl; stuckzahl; stueckzahl; cantidad; cant;
        cantidad pedida; unidades""",
    Field.UNIT: """
        unit; uom; unit of measure; um; 单位; 计量单位; 销售单位; einheit; me;
        mengeneinheit; unidad; unidad de medida; ud; udm""",
    Field.PRICE: """
        price; unit price; net price; price per unit; 单价; 价格; 含税单价; 不含税单价;
        preis; einzelpreis; stückpreis; stuckpreis; nettopreis; stueckpreis; precio;
        precio unitario""",
    Field.PRICE_BASIS: """
        price unit; price basis; per; 价格单位; 计价数量; preiseinheit; pe; unidad de precio""",
    Field.DUE: """
        due; due date; delivery date; delivery; requested delivery date; requested date;
        required date; need by; need by date; needed by; ship date; 交货日期; 交期; 交货期;
        要货日期; 需求日期; 到货日期; 要求交期; 发货日期; liefertermin; lieferdatum;
        wunschtermin; termin; wunschlieferdatum; bedarfsdatum; fecha de entrega;
        fecha entrega; entrega; fecha requerida; plazo de entrega""",
    Field.NOTE: """
        note; notes; remark; remarks; comment; comments; 备注; 说明; 注释; bemerkung;
        bemerkungen; notiz; kommentar; hinweis; observaciones; nota; notas; comentario;
        comentarios""",
}

_BRACKETS = re.compile(r"[(（\[【].*?[)）\]】]")
_KEEP = re.compile(r"[^0-9a-z\u00df-\u024f\u4e00-\u9fff]+")
_LEAST_LATIN = 5
_LEAST_CHINESE = 2


def normalised(heading: str) -> str:
    """A heading without case, blanks, points and accents' variety: `Order No.` is `orderno`."""
    text = plain(heading).casefold()
    for accented, simple in (("á", "a"), ("é", "e"), ("í", "i"), ("ó", "o"), ("ú", "u"), ("º", "")):
        text = text.replace(accented, simple)
    return _KEEP.sub("", text.replace("#", " no "))


KNOWN: Final = MappingProxyType(
    {
        normalised(word): field
        for field, words in _WORDS.items()
        for word in words.split(";")
        if normalised(word)
    }
)
"""Normalised heading → field."""


def is_known(heading: str) -> bool:
    """Whether a heading is one by name (not by a part of it)."""
    return normalised(heading) in KNOWN or normalised(_BRACKETS.sub("", heading)) in KNOWN


def meanings(heading: str) -> tuple[Field, int] | None:
    """What a heading means, and how sure that is: 3 by name, 2 without brackets, 1 by a part."""
    whole = normalised(heading)
    if whole in KNOWN:
        return KNOWN[whole], 3
    bare = normalised(_BRACKETS.sub("", heading))
    if bare in KNOWN:
        return KNOWN[bare], 2
    found = [word for word in KNOWN if word in whole and _is_long(word)]
    if found:
        return KNOWN[max(found, key=len)], 1
    return None


def _is_long(word: str) -> bool:
    """Whether a word says enough as a part of another one."""
    return len(word) >= (_LEAST_LATIN if word.isascii() else _LEAST_CHINESE)
