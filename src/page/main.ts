import 'uplot/dist/uPlot.min.css';
import '../style/colors.css';
import '../style/elements.css';
import './series.css';
import './frame.css';
import './charts.css';
import './tables.css';
import { App } from './app.js';

new App(document.body).start();
