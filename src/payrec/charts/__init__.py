"""Frame in, chart out; each chart with a sentence that says the same to who cannot see it. Knows no app and no model.

``ranking``      what the top of a list finds: ``capture``, ``bars``
``calibration``  predicted against observed: ``reliability``, ``segments``
``behaviour``    what a model depends on, and how steady it is: ``importance``, ``over_time``
``theme``        the look, and chart to SVG or PNG
"""
